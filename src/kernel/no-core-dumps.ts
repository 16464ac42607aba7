// Agents hold pages of trees, and so do shells: none of that goes into core dumps. A soft limit of one byte, and not of none, since the kernel
// asks no limit where core_pattern is a program, but takes 1 there for its own mark of "no dump" (fs/coredump.c, Linux 2.6.33 on); a file
// of one byte is none either. Whatever this process starts has the limit too; restored processes get the tree's own.
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

const rlimitCore = 4;
const keep = 0;
/** struct rlimit64: two words. */
const limitBytes = 16;

export function forbidCoreDumps(): void {
  const asking = new Program();
  const room = asking.room(limitBytes);
  asking.call('prlimit64', 0, rlimitCore, keep, room);
  const hard = runLocal(asking).view(room).getBigUint64(8, true);
  const program = new Program();
  program.attempt('prlimit64', 0, rlimitCore, program.words(1n, hard), keep); // a hard limit of 0 stays as it is
  runLocal(program);
}
