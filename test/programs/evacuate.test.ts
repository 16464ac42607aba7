// contrib/evacuate.sh: against a stand-in for migrate, whose ends are chosen, and against the real one.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { runCommand } from '../helpers/commands.ts';
import type { CommandResult } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');
const script = fileURLToPath(new URL('../../contrib/evacuate.sh', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'godwit-evacuate-'));
t.teardown(() => {
  rmSync(directory, { recursive: true });
});

// The last digit of the PID is the exit code. It notes how many run at the same time.
const standIn = join(directory, 'godwit');
const calls = join(directory, 'calls');
writeFileSync(
  standIn,
  `#!/bin/sh
echo "start $3 $*" >>${calls}
sleep 0.2
echo "end $3" >>${calls}
code=$(($3 % 10))
[ $code = 0 ] && echo '{"status":"completed","total-time":210.5,"downtime":12.25}'
[ $code = 1 ] && echo '{"status":"failed","error":{"code":"PEER","message":"the target, 10.0.0.1, is gone"}}'
[ $code = 3 ] && echo '{"status":"refused","exit-code":3,"blockers":[{"side":"source","object":"fd 7","reason":"a \\"tty\\" stays","remedy":"-"}]}'
exit $code
`,
);
chmodSync(standIn, 0o755);

async function evacuate(...args: string[]): Promise<CommandResult & { started: string[]; atOnce: number }> {
  writeFileSync(calls, '');
  const result = await runCommand(script, args, { env: { GODWIT: standIn } });
  const lines = readFileSync(calls, 'utf8').split('\n').slice(0, -1);
  let running = 0;
  let atOnce = 0;
  for (const line of lines) atOnce = Math.max(atOnce, (running += line.startsWith('start') ? 1 : -1));
  const started = lines.filter((line) => line.startsWith('start')).map((line) => line.split(' ')[1] ?? '');
  return { ...result, started: started.sort(), atOnce };
}

await t.test('all trees move, two at a time', async (t) => {
  const result = await evacuate('--to', 'h:1', '10', '20', '30', '40', '50', '--', '--tcp-close');
  t.equal(result.code, 0, result.stderr);
  t.strictSame(result.started, ['10', '20', '30', '40', '50']);
  t.equal(result.atOnce, 2);
  t.match(result.stdout, 'moved:       5');
  t.match(result.stdout, '10: moved, downtime 12.25 ms of 210.5 ms');
  t.match(readFileSync(calls, 'utf8'), 'migrate --pid 10 --to h:1 --json --tcp-close');
});

await t.test('one that fails or is refused does not keep the others here', async (t) => {
  const result = await evacuate('--to', 'h:1', '--parallel', '1', '11', '23', '30');
  t.equal(result.code, 1);
  t.equal(result.atOnce, 1);
  t.match(result.stdout, /11: failed \(1\), still runs here: the target, 10.0.0.1, is gone/);
  t.match(result.stdout, /23: refused, still runs here: a .*tty.* stays/);
  t.match(result.stdout, /moved: +1 30\nrefused: +1 23\nfailed: +1 11\nin doubt: +0 *\nnot started: 0/);
});

await t.test('the first doubt stops it, what is under way is waited for', async (t) => {
  const result = await evacuate('--to', 'h:1', '14', '20', '30', '40', '50', '60');
  t.equal(result.code, 4);
  t.ok(result.started.length <= 3, `started: ${result.started.join(', ')}`);
  t.match(result.stdout, /in doubt: +1 14/);
  t.match(result.stdout, /not started: [34] .*tree 14 is in doubt/);
});

await t.test('arguments that cannot be meant', async (t) => {
  for (const args of [
    [],
    ['10'],
    ['--to', 'h:1'],
    ['--to', 'h:1', 'abc'],
    ['--to', 'h:1', '--parallel', '0', '10'],
  ]) {
    const result = await evacuate(...args);
    t.equal(result.code, 2, args.join(' '));
    t.match(result.stderr, 'usage:');
    t.strictSame(result.started, []);
  }
});

await t.test('a host is emptied for real', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const receiver = await b.receive();
  const trees = await Promise.all(
    ['counter', 'touch', 'pipes', 'tree'].map((name) => startWorkload(a, name)),
  );
  const pids = trees.map((tree) => String(tree.pid));
  const env = { GODWIT: `${process.execPath} ${godwitPath}` };
  const result = await a.run(script, ['--to', receiver.address, ...pids, '--', ...receiver.security], {
    env,
  });
  t.equal(result.code, 0, `${result.stdout}${result.stderr}`);
  t.match(result.stdout, 'moved:       4');
  t.strictSame(await a.lastingLeftovers(), [], 'the host is empty');
  for (const tree of trees) t.equal(await verdictOf(b, tree), 'ok', tree.name);
});
