// Whom a target takes trees from, and whose: whole flights with keys, certificates, and users.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { connectControl } from '../../src/transport/connect.ts';
import { greet } from '../../src/transport/handshake.ts';
import { parseKey } from '../../src/transport/transfer-key.ts';
import { until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import type { Host, MigrateResult } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';
import { Authority } from '../interop/secure-bed.ts';
import { identity, stage } from '../unit/transport/samples.ts';

const skip = await unless('hosts', 'godwit', 'command:cc');
const nobody = 65_534;

/** A process of nobody's with nothing that nobody could not have. `open`: a file that root opens for it. */
async function sleeper(host: Host, open = '/dev/null'): Promise<number> {
  const drop = `setpriv --reuid=${nobody} --regid=${nobody} --clear-groups --inh-caps=-all --bounding-set=-all`;
  const { pid } = await host.spawn('sh', [
    '-c',
    `cd /; exec ${drop} sleep 1000 </dev/null >/dev/null 2>&1 7<${open}`,
  ]);
  await until('it has become nobody', () =>
    host.process(pid)?.command.startsWith('sleep') === true ? true : undefined,
  );
  return pid;
}

const said = ({ stdout, stderr }: MigrateResult): string => stdout + stderr;

async function claimMoved(t: Test, result: MigrateResult, from: Host, to: Host, pid: number): Promise<void> {
  t.equal(result.code, 0, said(result));
  t.ok(to.process(pid), 'it is on the target');
  t.notOk(from.process(pid), 'and not on the source');
  to.kill(pid);
  await to.waitGone(pid);
}

await t.test("a target takes nobody's tree unless it was told so, and no more than what is its user's", { skip }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const shared = a.scratch;
  const secret = join(shared, 'secret');
  writeFileSync(secret, 'for root');
  chmodSync(secret, 0o600);
  const receive = async (...args: string[]): Promise<void> => {
    if (b.receiver !== undefined) {
      b.kill(b.receiver.pid);
      await b.waitGone(b.receiver.pid);
    }
    await b.receive({ args });
  };
  await receive('--allow-user', 'daemon');
  const pid = await sleeper(a);
  const other = await a.migrate(pid, b);
  t.equal(other.code, 3, 'of another user');
  t.match(said(other), /user 65534/);
  await receive('--allow-user', 'nobody');
  await claimMoved(t, await a.migrate(pid, b), a, b, pid);

  // Who does not ask is not taken either.
  const [, key = ''] = b.receiver?.security ?? [];
  const security = { kind: 'key', ...parseKey(key, 'key') } as const;
  const endpoint = { host: b.ip, address: b.ip, port: b.receiver?.port ?? 0 };
  const control = await connectControl(endpoint, 'unasked', { security });
  await greet(control, { ...identity, migrationId: 'unasked', purpose: 'migrate', plaintext: false });
  control.send(stage);
  await t.rejects(control.expect('staged'), { code: 'NOT_ALLOWED', message: /was not asked/ });
  control.terminate();

  const reader = await sleeper(a, secret);
  const refused = await a.migrate(reader, b);
  t.not(refused.code, 0, 'with a file of root');
  t.match(said(refused), /secret/);
  t.ok(a.process(reader), 'it goes on at the source');
  a.kill(reader);

  const roots = await startWorkload(a, 'counter');
  const root = await a.migrate(roots.pid, b);
  t.equal(root.code, 3, 'of root');
  t.match(said(root), /user 0.*--allow-root/s);
  t.equal(await verdictOf(a, roots), 'ok');
}); // prettier-ignore

await t.test('a key is pasted, read from a file, or from the environment; a wrong one moves nothing', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const shared = a.scratch;
  const receiver = await b.receive();
  const [, key = ''] = receiver.security;
  const file = join(shared, 'key');
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
  const ways = [['--key', key], ['--key-file', file], []];
  for (const way of ways) {
    const counter = await startWorkload(a, 'counter');
    const words = [godwitPath, 'migrate', '--pid', String(counter.pid), '--to', receiver.address, '--rehearsals', '1', ...way];
    const { code, stdout, stderr } = await a.run(process.execPath, words, { env: { GODWIT_KEY: way.length === 0 ? key : '' } });
    t.equal(code, 0, `${way.join(' ')}: ${stdout}${stderr}`);
    t.equal(await verdictOf(b, counter), 'ok');
  }
  const counter = await startWorkload(a, 'counter');
  const changed = key.slice(0, -4) + (key.endsWith('AAAA') ? 'BBBA' : 'AAAA');
  for (const [wrong, code, pattern] of [[changed, 1, /not, or no longer/], ['gw1_x', 2, /86 characters/]] as const) {
    const result = await a.run(process.execPath, [godwitPath, 'migrate', '--pid', String(counter.pid), '--to', receiver.address, '--key', wrong]);
    t.equal(result.code, code);
    t.match(result.stdout + result.stderr, pattern);
  }
  t.equal(await verdictOf(a, counter), 'ok', 'it goes on at the source');
  t.strictSame(await a.lastingLeftovers(), []);
  t.strictSame(await b.lastingLeftovers(), []);
}); // prettier-ignore

const noOpenssl = await unless('hosts', 'godwit', 'command:cc', 'command:openssl');

await t.test('certificates, in the place of a key', { skip: noOpenssl }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const shared = a.scratch;
  const authority = await Authority.make(t);
  const [server, client] = [await authority.sign('server', 2, b.ip), await authority.sign('host-a')];
  const files = {
    'ca-cert.pem': authority.ca,
    'server-cert.pem': server.certificate,
    'server-key.pem': server.key,
    'client-cert.pem': client.certificate,
    'client-key.pem': client.key,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(shared, name), text, { mode: 0o600 });
  const counter = await startWorkload(a, 'counter');
  await b.receive({ security: ['--tls-dir', shared], args: ['--tls-dir', shared, '--allow', 'host-a'] });
  const result = await a.migrate(counter.pid, b, { args: ['--postcopy'] });
  t.equal(result.code, 0, said(result));
  t.equal(await verdictOf(b, counter), 'ok');
});

/** setpriv(1) with the capabilities that a unit gives, and no others. */
function asUnit(name: string): string[] {
  const unit = readFileSync(new URL(`../../contrib/systemd/${name}`, import.meta.url), 'utf8');
  const [, words = ''] = /^CapabilityBoundingSet=(.+)$/m.exec(unit) ?? [];
  const capabilities = words.split(' ').map((word) => `+${word.replace(/^CAP_/, '').toLowerCase()}`);
  return ['setpriv', '--bounding-set', ['-all', ...capabilities].join(',')];
}

await t.test('both agents run with the capabilities of their units', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  await b.receive({ prefix: asUnit('godwit-receive.service') });
  const [command = '', ...words] = asUnit('godwit-migrate@.service');
  for (const name of ['counter', 'tree', 'tcp-pairs', 'sysv-shm', 'terminals']) {
    const workload = await startWorkload(a, name);
    const result = await a.run(command, [...words, a.nodePath, ...a.migrateArgs(workload.pid, b)]);
    t.equal(result.code, 0, `${name}: ${result.stdout}${result.stderr}`);
    t.equal(await verdictOf(b, workload), 'ok', name);
  }
});
