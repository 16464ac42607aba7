// Kernels before 6.5 do not say whether an eventfd is a semaphore. Reading tells: a semaphore gives 1, a counter gives
// itself. The counter is as before afterwards; a poller may see one more edge, which epoll(7) allows.
import { runLocal } from '../../kernel/local-program.ts';
import { Program, type Data } from '../../kernel/program.ts';

/** Preconditions: every process that has it is stopped. `fd` is the agent's copy. */
export function probeEventfd(fd: number, count: bigint): boolean {
  // At least 2 in it, so that the two forms differ, and so that no read blocks.
  if (count < 2n) write(fd, 2n - count);
  const semaphore = read(fd) === 1n;
  const now = semaphore ? (count < 2n ? 1n : count - 1n) : 0n;
  if (now < count) write(fd, count - now);
  else if (now > count) read(fd);
  return semaphore;
}

function write(fd: number, value: bigint): void {
  const program = new Program();
  program.call('write', fd, program.words(value), 8);
  runLocal(program);
}

function read(fd: number): bigint {
  const program = new Program();
  const value: Data = program.room(8);
  program.call('read', fd, value, 8);
  return runLocal(program).words(value)[0] ?? 0n;
}
