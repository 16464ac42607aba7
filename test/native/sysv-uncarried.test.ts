// Semaphore sets and message queues of a tree are found, though no process holds them: by who used them last, and by who waits.
import { spawn } from 'node:child_process';
import t from 'tap';
import { readSourceTree } from '../../src/source/tree.ts';
import { surveyUncarried } from '../../src/source/sysv/uncarried.ts';
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
  const objects = (): string[] =>
    surveyUncarried(readSourceTree(pid))
      .map(({ object }) => object)
      .sort();
  await until('it waits', () => objects().length === 3);
  t.strictSame(objects(), [
    ...[queue, empty].sort().map((id) => `process ${pid} System V message queue ${id}`),
    `process ${pid} System V semaphore set ${set}`,
  ]);
  t.match(surveyUncarried(readSourceTree(pid)), [{ side: 'source', reason: /does not carry semaphores/ }]);
  t.strictSame(surveyUncarried(readSourceTree(process.pid).filter((other) => other.pid === process.pid)), []);
});
