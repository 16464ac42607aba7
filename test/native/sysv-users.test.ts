// Semaphore sets and message queues of a tree are found, though no process holds them: by who used them last, and by who waits.
import { spawn } from 'node:child_process';
import t from 'tap';
import { readSourceTree } from '../../src/source/tree.ts';
import { dumpQueues, queuesOf, surveyQueues } from '../../src/source/sysv/queues.ts';
import { setsOf, surveySemaphores } from '../../src/source/sysv/semaphores.ts';
import { mustRun, runCommand, until } from '../helpers/commands.ts';
import { unless } from '../helpers/skip-unless.ts';

const skip = await unless('command:python3', 'command:ipcrm');
const program = `
import ctypes, os, sys
c = ctypes.CDLL(None)
s, free, q, empty = c.semget(0, 3, 0o600), c.semget(0, 1, 0o600), c.msgget(0, 0o600), c.msgget(0, 0o600)
c.semctl(s, 2, 16, 5)
c.msgsnd(q, b"\\1" + bytes(15), 8, 0)
print(s, free, q, empty, flush=True)
c.msgrcv(empty, ctypes.create_string_buffer(64), 8, 0, 0)
`;

t.test('used last, or waited for', { skip }, async (t) => {
  const child = spawn('python3', ['-c', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('it has them', () => said.endsWith('\n'));
  const [set = 0, free = 0, queue = 0, empty = 0] = said.trim().split(' ').map(Number);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await mustRun('ipcrm', ['-s', String(set), '-s', String(free), '-q', String(queue)]);
    await runCommand('ipcrm', ['-q', String(empty)]);
  });
  const pid = child.pid ?? 0;
  const queues = (): number[] => queuesOf(readSourceTree(pid)).map(({ id }) => id);
  await until('it waits', () => queues().length === 2);
  t.same(new Set(queues()), new Set([queue, empty]));
  t.strictSame(
    setsOf(readSourceTree(pid)).map(({ row, semaphores }) => [row.id, semaphores.map(({ value }) => value)]),
    [[set, [0, 0, 5]]],
  );
  t.strictSame(surveySemaphores(readSourceTree(pid)), [], 'nobody else uses it');
  const own = readSourceTree(process.pid).filter((other) => other.pid === process.pid);
  t.strictSame([...surveySemaphores(own), ...surveyQueues(own), ...queuesOf(own)], []);

  const dumped = dumpQueues(readSourceTree(pid)).find(({ id }) => id === queue);
  t.match(dumped, {
    mode: 0o600,
    sender: pid,
    receiver: 0,
    messages: [{ type: 1n, text: new Uint8Array(8) }],
  });
  t.strictSame(
    dumpQueues(readSourceTree(pid)).map(({ messages }) => messages.length),
    [queue, empty]
      .toSorted((x, y) => queues().indexOf(x) - queues().indexOf(y))
      .map((id) => (id === queue ? 1 : 0)),
    'what was copied is still there',
  );
});

t.test('a queue that somebody outside uses too stands in the way', { skip }, async (t) => {
  const code = 'import ctypes, sys; c = ctypes.CDLL(None)\n';
  const maker = spawn('python3', [
    '-c',
    `${code}q = c.msgget(0, 0o600); print(q, flush=True); c.msgrcv(q, ctypes.create_string_buffer(64), 8, 5, 0)`,
  ]);
  const id = await lineOf(maker);
  const other = spawn('python3', [
    '-c',
    `${code}c.msgsnd(${id}, b"\\1" + bytes(15), 8, 0); print(1, flush=True); sys.stdin.read()`,
  ]);
  t.teardown(async () => {
    maker.kill('SIGKILL');
    other.kill('SIGKILL');
    await mustRun('ipcrm', ['-q', String(id)]);
  });
  await lineOf(other);
  const tree = readSourceTree(maker.pid ?? 0);
  t.match(surveyQueues(tree), [{ reason: `process ${other.pid ?? 0}, outside the tree, uses it too` }]);
  t.throws(() => dumpQueues(tree), { code: 'REFUSED', message: /outside the tree/ });
});

async function lineOf(child: ReturnType<typeof spawn>): Promise<number> {
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('it says something', () => said.endsWith('\n'));
  return Number(said);
}
