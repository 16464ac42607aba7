// Job-control stops (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU). The task's own trap says that it is stopped; whether wait(2) has
// told its parent yet, only the parent can say: it looks without taking the news away (waitid(2), WNOWAIT).
import type { ProcessState } from '../../images/state.ts';
import { Program } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import type { LiveProcess } from '../../kernel/live-process.ts';
import type { SourceProcess } from '../tree.ts';

const pPid = 1;
/** WSTOPPED | WNOHANG | WNOWAIT | __WALL: of a child with any exit signal. */
const lookForStop = 2 | 1 | 0x0100_0000 | 0x4000_0000;
const siginfoSize = 128;
/** Where si_pid stands in siginfo_t; 0 when there was nothing to tell. */
const siPid = 16;

/** Preconditions: every thread is stopped by ptrace. `parent`: when it is part of the tree. */
export function readJobStop(
  process: SourceProcess,
  parent: LiveProcess | undefined,
): ProcessState['jobStop'] {
  const signal = native.groupStop(process.pid);
  if (signal <= 0) return undefined;
  if (parent === undefined) return { signal, isNews: false };
  const program = new Program();
  const info = program.room(siginfoSize);
  program.attempt('waitid', pPid, process.vpid, info, lookForStop, 0);
  return { signal, isNews: parent.run(program).view(info).getInt32(siPid, true) !== 0 };
}
