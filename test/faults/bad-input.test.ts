// Whatever the operator, the tree, the target or the link does wrong: a clear error, an exit code, and the tree goes on as if
// nothing had been. Bad peers on the wire alone are in test/interop.
import t from 'tap';
import type { Test } from 'tap';
import { runCommand, sleep, until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { parseReport } from '../helpers/host.ts';
import type { Host, MigrateResult } from '../helpers/host.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload } from '../helpers/workloads.ts';
import { claimContent, claimUntouched, makeBed } from './bed.ts';
import type { Bed, BedOptions } from './bed.ts';

t.setTimeout(350_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

/** The error as the operator reads it: whatever was written, in one string. */
const wordsOf = (result: { stdout: string; stderr: string }): string => `${result.stdout}${result.stderr}`;

function claimFailure(t: Test, result: MigrateResult, codes: readonly number[], words: RegExp): void {
  t.ok(codes.includes(result.code ?? -1), `exit code ${String(result.code)} is one of ${codes.join(', ')}`);
  t.match(wordsOf(result), words, 'the reason is named');
  t.notMatch(wordsOf(result), /at .*\.js:\d+/, 'without a stack');
}

// GODWIT_CASE=words runs only the cases whose name contains them.
const only = process.env['GODWIT_CASE'] ?? '';

/** One case: a fresh bed, something wrong, and the claims that hold after everything that is wrong. */
async function wrong(
  what: string,
  options: BedOptions,
  act: (t: Test, bed: Bed) => Promise<void>,
): Promise<void> {
  const left = what.includes(only) ? false : `GODWIT_CASE is ${only}`;
  await t.test(what, { skip: skip === false ? left : skip, timeout: 240_000 }, async (t) => {
    await using bed = await makeBed(options);
    await act(t, bed);
    await claimUntouched(t, bed);
    await claimContent(t, bed);
  });
}

/** Waits for a line of the report that `is` likes, while the migration runs. */
async function untilLine(
  flight: { stdout: string },
  is: (line: Record<string, unknown>) => boolean,
): Promise<void> {
  await until(
    () => `a line of the report; so far: ${flight.stdout}`,
    () => parseReport(flight.stdout.slice(0, flight.stdout.lastIndexOf('\n') + 1)).some(is),
  );
}
const isRound = (line: Record<string, unknown>): boolean => 'ram' in line && line['status'] === 'active';

// A workload that rewrites much memory keeps a migration in pre-copy for as long as a test needs.
const busy = ['192', '0'];
const patient = ['--max-downtime', '0.001', '--max-rounds', '1000'];

await wrong('arguments that cannot be meant', {}, async (t, { a, b, counter }) => {
  const say = async (...args: string[]): Promise<MigrateResult> => {
    const result = await a.run(process.execPath, [godwitPath, ...args]);
    return { ...result, lines: [], report: undefined };
  };
  const to = b.receiver?.address ?? '';
  claimFailure(t, await say('migrate', '--pid', 'abc', '--to', to), [2], /pid/i);
  claimFailure(t, await say('migrate', '--pid', '-5', '--to', to), [2], /pid/i);
  claimFailure(t, await say('migrate', '--to', to), [2], /pid/i);
  claimFailure(t, await say('migrate', '--pid', String(counter.pid)), [2], /to/);
  claimFailure(t, await say('migrate', '--pid', String(counter.pid), '--to', 'nowhere'), [2], /nowhere|port/);
  claimFailure(t, await say('migrate', '--pid', String(counter.pid), '--to', `${b.ip}:99999`), [2], /port/);
  claimFailure(
    t,
    await say('migrate', '--pid', String(counter.pid), '--to', to, '--tracker', 'magic'),
    [2],
    /magic|tracker/i,
  );
  claimFailure(t, await say('fly'), [2], /fly|command/i);
  claimFailure(
    t,
    await say('migrate', '--pid', String(counter.pid), '--to', to),
    [1, 2, 3],
    /plaintext|encrypt/i,
  );
  claimFailure(t, await say('receive', '--listen', 'x:y'), [2], /listen|port|x:y/);
  const second = await b.run(process.execPath, [godwitPath, 'receive', '--listen', to, '--plaintext']);
  claimFailure(t, { ...second, lines: [], report: undefined }, [1, 2], /in use|EADDRINUSE|taken/i);
});

await wrong('processes that cannot be moved', {}, async (t, { a, b }) => {
  claimFailure(t, await a.migrate(999_999, b), [1, 3], /999999/);
  claimFailure(t, await a.migrate(1, b), [1, 3], /\b1\b/);

  const parent = await a.spawn('sh', ['-c', 'sleep 0 & exec sleep 1000']);
  const zombie = await until('a zombie', () => {
    const seen = a.processes().find((one) => one.state === 'Z');
    return seen?.nsPids[1];
  });
  claimFailure(t, await a.migrate(zombie, b), [1, 3], new RegExp(`zombie|${zombie}`));
  a.kill(parent.pid);
  await a.waitGone(parent.pid);

  const shell = `${process.execPath} ${godwitPath} migrate --pid $$ --to ${b.receiver?.address ?? ''} ${b.receiver?.security.join(' ') ?? ''}; echo code $?`;
  const ancestor = await a.run('sh', ['-c', shell]);
  t.match(wordsOf(ancestor), /code [13]/, 'an ancestor of the agent is refused');
  t.match(wordsOf(ancestor), /ancestor|itself|agent|parent/i);
});

await wrong('a kernel thread', {}, async (t, { b }) => {
  const comm = (await runCommand('cat', ['/proc/2/comm'])).stdout.trim();
  if (comm !== 'kthreadd') {
    t.comment('no kernel threads in this PID namespace');
    return;
  }
  const args = [
    godwitPath,
    'migrate',
    '--pid',
    '2',
    '--to',
    b.receiver?.address ?? '',
    ...(b.receiver?.security ?? []),
  ];
  const result = await runCommand(process.execPath, args);
  claimFailure(t, { ...result, lines: [], report: undefined }, [1, 3], /kernel/i);
});

await wrong("another user's process, without rights", {}, async (t, { a, b, counter }) => {
  const args = a.migrateArgs(counter.pid, b);
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', process.execPath];
  const result = await a.run('setpriv', [...nobody, ...args]);
  claimFailure(t, { ...result, lines: [], report: undefined }, [1, 3], /right|permi|capab|root|user/i);
});

await wrong('a process under a debugger', {}, async (t, { a, b }) => {
  const traced = await a.spawn('sleep', ['1000']);
  const ptrace = `import ctypes,time; ctypes.CDLL(None).ptrace(0x4206, ${traced.pid}, 0, 0); print('ready', flush=True); time.sleep(1000)`;
  const debuggers = await a.spawn('python3', ['-c', ptrace]);
  await until('the debugger', () => debuggers.log().includes('ready'));
  claimFailure(t, await a.migrate(traced.pid, b), [1, 3], /trace|debug/i);
  const status = await a.run('grep', ['State', `/proc/${traced.pid}/status`]);
  t.match(status.stdout, /S \(sleeping\)/, 'it sleeps on');
  a.kill(debuggers.pid);
  a.kill(traced.pid);
  await a.waitGone(debuggers.pid);
});

await wrong('a process that ends during pre-copy', {}, async (t, { a, b }) => {
  const victim = await startWorkload(a, 'touch', busy);
  const flight = a.start(process.execPath, a.migrateArgs(victim.pid, b, ['--json', ...patient]));
  await untilLine(flight, isRound);
  a.kill(victim.pid);
  const result = await flight.ended;
  claimFailure(t, { ...result, lines: [], report: undefined }, [1], new RegExp(`ended|gone|${victim.pid}`));
});

await wrong('a process that execs during pre-copy', {}, async (t, { a, b }) => {
  const script =
    'trap "exec sleep 1000" USR1; x=$(head -c 50000000 /dev/zero | tr "\\0" x); echo ready; while :; do :; done';
  const victim = await a.spawn('bash', ['-c', script]);
  await until('the shell is large', () => victim.log().includes('ready'));
  const flight = a.start(process.execPath, a.migrateArgs(victim.pid, b, ['--json', ...patient]));
  await untilLine(flight, isRound);
  a.kill(victim.pid, 'SIGUSR1');
  const result = await flight.ended;
  const at = result.code === 0 ? b : a;
  t.comment(`exit ${String(result.code)}`);
  t.ok(result.code === 0 || result.code === 1);
  t.equal(at.process(victim.pid)?.command, 'sleep 1000', 'the new program runs, once');
  t.equal((at === a ? b : a).process(victim.pid), undefined);
  at.kill(victim.pid);
  await at.waitGone(victim.pid);
});

await wrong('an established connection, unless it may be closed', {}, async (t, { a, b }) => {
  const code = `const net = require('net'); net.createServer(() => undefined).listen(9000, '0.0.0.0', () => console.log('ready'))`;
  const server = await a.spawn(process.execPath, ['-e', code]);
  await until('the server', () => server.log().includes('ready'));
  const client = await a.spawn(process.execPath, ['-e', `require('net').connect(9000, '${a.ip}')`]);
  await sleep(300);
  claimFailure(t, await a.migrate(server.pid, b), [3], /9000/);
  const dry = await a.migrate(server.pid, b, { args: ['--tcp-close', '--dry-run'] });
  t.equal(dry.code, 0, `a dry run changes nothing: ${wordsOf(dry)}`);
  a.kill(client.pid);
  a.kill(server.pid);
  await a.waitGone(server.pid);
  await a.waitGone(client.pid);
});

/** Something that listens on host b and is no Godwit. */
async function impostor(b: Host, code: string, port = 7999): Promise<void> {
  const prelude = `const net = require('net'), http = require('http'); const port = ${port}, address = '${b.ip}';`;
  const server = await b.spawn(process.execPath, ['-e', `${prelude} ${code}`], { name: 'impostor' });
  await until(
    () => `the impostor listens: ${server.errors()}`,
    async () => (await runCommand('nc', ['-z', b.ip, String(port)])).code === 0,
  );
  const security = ['--key', `gw1_${Buffer.alloc(64).toString('base64url')}`];
  b.receiver = { pid: server.pid, port, address: `${b.ip}:${port}`, spawned: server, security };
}

const impostors = {
  'a target that is a web server': `http.createServer((q, r) => r.end('hello')).listen(port, address)`,
  'a target that answers garbage': `net.createServer(s => { s.on('error', () => 0); s.end('\\x00\\xff'.repeat(5000)) }).listen(port, address)`,
  'a target that hangs up': `net.createServer(s => s.destroy()).listen(port, address)`,
  'a target that never answers': `net.createServer(s => s.on('error', () => 0)).listen(port, address)`,
};
for (const [what, code] of Object.entries(impostors)) {
  await wrong(what, { receive: false }, async (t, { a, b, counter }) => {
    await impostor(b, code);
    claimFailure(t, await a.migrate(counter.pid, b), [1], new RegExp(b.ip.replaceAll('.', '\\.')));
  });
}

await wrong('a target that is not there', {}, async (t, { a, b, counter }) => {
  const to = b.receiver?.address ?? '';
  const args = (address: string): string[] =>
    a.migrateArgs(counter.pid, b).map((arg) => (arg === to ? address : arg));
  const refused = await a.run(process.execPath, args(`${b.ip}:1`));
  claimFailure(t, { ...refused, lines: [], report: undefined }, [1], /refused|listen|reach/i);
  const nobody = b.ip.replace(/\d+$/, '77');
  const unreachable = await a.run(process.execPath, args(`${nobody}:7470`));
  claimFailure(
    t,
    { ...unreachable, lines: [], report: undefined },
    [1],
    new RegExp(nobody.replaceAll('.', '\\.')),
  );
});

await wrong('a target without space for its journal', {}, async (t, { a, b, counter }) => {
  await b.run('mount', ['-t', 'tmpfs', '-o', 'size=4k,nr_inodes=1', 'full', '/run/godwit']);
  claimFailure(t, await a.migrate(counter.pid, b), [1], /space|ENOSPC/i);
  await b.run('umount', ['/run/godwit']);
});

await wrong('a link that is cut in a round', { mib: 4 }, async (t, { a, b }) => {
  const victim = await startWorkload(a, 'touch', busy);
  for (const rounds of [1, 3]) {
    // Else the target would keep what it has for two minutes: the source may come back.
    const args = ['--json', '--reconnect', '0', ...patient];
    const flight = a.start(process.execPath, a.migrateArgs(victim.pid, b, args));
    await until(
      'rounds',
      () =>
        parseReport(flight.stdout.slice(0, flight.stdout.lastIndexOf('\n') + 1)).filter(isRound).length >=
        rounds,
    );
    await b.run('ip', ['link', 'set', 'eth0', 'down']);
    const result = await flight.ended;
    claimFailure(
      t,
      { ...result, lines: [], report: undefined },
      [1],
      /target|connection|link|answer|peer|sign/i,
    );
    await b.run('ip', ['link', 'set', 'eth0', 'up']);
    t.ok(['R', 'S'].includes(a.process(victim.pid)?.state ?? ''), 'the tree runs on');
    let left: string[] = [];
    await until('b is clean', async () => (left = await b.leftovers()).length === 0, 15_000, 100).catch(
      () => false,
    );
    t.strictSame(left, [], 'the target keeps nothing');
  }
  a.kill(victim.pid, 'SIGUSR1');
  await a.waitGone(victim.pid);
  t.match(victim.log(), /ok\n$/, 'its memory is right');
});
