// The test bed itself: two hosts that differ in everything a real pair differs in, and that leave nothing behind.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { runCommand, until } from '../helpers/commands.ts';
import { cgroupRoot, makeHosts } from '../helpers/hosts.ts';
import { lookAt } from '../helpers/processes.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts');

await t.test('two hosts differ in PIDs, clocks and names and reach each other', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const uptime = async (host: typeof a): Promise<number> =>
    Number((await host.run('cat', ['/proc/uptime'])).stdout.split(' ')[0]);
  const [one, two] = [await uptime(a), await uptime(b)];
  t.ok(Math.abs(one - two) > 1000, 'their boot clocks are far apart');
  t.not((await a.run('hostname')).stdout, (await b.run('hostname')).stdout);

  const sleeper = await a.spawn('sleep', ['1000']);
  const other = await b.spawn('sleep', ['1000']);
  t.not(sleeper.pid, other.pid);
  t.match(a.process(sleeper.pid)?.command, 'sleep 1000');
  t.equal(b.process(sleeper.pid), undefined, 'a PID of one host means nothing on the other');
  t.equal(
    (await a.run('ps', ['-o', 'sid=,tty=', '-p', String(sleeper.pid)])).stdout.trim(),
    `${sleeper.pid} ?`,
  );
  t.equal((await a.run('cat', ['/proc/1/comm'])).stdout, 'bash\n');

  const script = `require('http').createServer((q, r) => r.end('hello from ' + require('os').hostname())).listen(8080)`;
  await a.spawn(process.execPath, ['-e', script]);
  const answer = await until('the server answers', async () => {
    const got = await fetch(`http://${a.ip}:8080/`).catch(() => undefined);
    return got?.text();
  });
  t.equal(answer, `hello from h1-${hosts.id}`);
  const fetcher = `fetch('http://${a.ip}:8080/').then(r => r.text()).then(x => process.stdout.write(x))`;
  t.equal((await b.run(process.execPath, ['-e', fetcher])).stdout, answer, 'host b reaches host a');

  await a.run('sh', ['-c', 'echo mine >/run/godwit/file']);
  t.notOk((await b.run('ls', ['/run/godwit'])).stdout.includes('file'), '/run/godwit is private');
  t.match(await a.leftovers([sleeper.pid]), [/^process .*createServer/, 'file']);

  t.ok(a.kill(sleeper.pid));
  await a.waitGone(sleeper.pid);
  t.equal((await a.run('sh', ['-c', 'exit 7'])).code, 7, 'codes come through');
  const killed = a.start('sleep', ['1000']);
  process.kill(await a.pidOf(killed), 'SIGTERM');
  t.equal((await killed.ended).signal, 'SIGTERM', 'so do signals');

  await a.nextPid(20_000);
  t.equal((await a.run('sh', ['-c', 'echo $$'])).stdout, '20000\n', 'a wanted PID');
});

await t.test('nothing is left of hosts after their scope', { skip }, async (t) => {
  const hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  const sleeper = a.outsidePid((await a.spawn('sleep', ['1000'])).pid);
  await b.spawn('unshare', ['--pid', '--fork', 'sleep', '1000']);
  await b.run('sh', ['-c', `mkdir ${b.cgroup}/godwit-x`]);
  await hosts[Symbol.asyncDispose]();
  t.equal(lookAt(sleeper), undefined);
  t.strictSame(hosts.remains(), []);
});

await t.test('nothing is left of hosts when the test is killed', { skip }, async (t) => {
  const helper = fileURLToPath(new URL('../helpers/hosts.ts', import.meta.url));
  const code = `
    const { makeHosts } = await import(${JSON.stringify(helper)});
    const hosts = await makeHosts();
    const sleeper = await hosts.a.spawn('sleep', ['1000']);
    await hosts.a.run('mkdir', [hosts.a.cgroup + '/godwit-frozen']);
    await hosts.a.run('sh', ['-c', 'echo ' + sleeper.pid + '>' + hosts.a.cgroup + '/godwit-frozen/cgroup.procs; echo 1 >' + hosts.a.cgroup + '/godwit-frozen/cgroup.freeze']);
    console.log(JSON.stringify({ id: hosts.id, pids: [hosts.a.outsidePid(sleeper.pid), ...hosts.all.map(h => h.initPid), hosts.supervisor.pid] }));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const line = await until('the other test has its hosts', () => /^\{.*\}$/m.exec(said)?.[0]);
  const { id, pids } = JSON.parse(line) as { id: string; pids: number[] };
  t.ok(pids.every((pid) => lookAt(pid) !== undefined));
  child.kill('SIGKILL');
  await until('its processes are gone', () => pids.every((pid) => lookAt(pid) === undefined));
  t.notOk(existsSync(`${cgroupRoot()}/godwit-test-${id}`), 'no cgroup');
  t.notOk(existsSync(`/sys/class/net/gwt${id}`), 'no link');
  t.strictSame(
    readdirSync(tmpdir()).filter((name) => name.includes(id)),
    [],
    'no directory',
  );
  t.equal((await runCommand('sh', ['-c', `grep -c ${id} /proc/mounts`])).stdout.trim(), '0', 'no mount');
});
