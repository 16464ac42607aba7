// Who gets SIGIO or SIGURG for an open file (F_SETOWN, F_SETSIG). Of regular files and the like it is asked only where O_ASYNC
// is set or there is a lease: others send no signals.
import { runLocal } from '../../kernel/local-program.ts';
import { isError, Program } from '../../kernel/program.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import type { OpenFile } from '../../images/state.ts';
import { openAsync, type ProcessRef, type SeenFile } from './seen-file.ts';
import type { Thief } from './thief.ts';

const getOwnEx = 16;
const getSig = 11;

/** The PID as the tree sees it. Undefined: nobody, or somebody who is gone. */
export function readOwner(
  file: SeenFile,
  thief: Thief,
  processes: readonly ProcessRef[],
): OpenFile['owner'] | undefined {
  const isTold = (file.flags & openAsync) !== 0 || file.locks.some(({ kind }) => kind === 'LEASE');
  if (!isTold && !/^(pipe|socket):/.test(file.link)) return undefined;
  const fd = thief.fdOf(file);
  const program = new Program();
  const owner = program.room(8);
  const got = program.attempt('fcntl', fd, getOwnEx, owner);
  const signal = program.call('fcntl', fd, getSig, 0);
  const outcome = runLocal(program);
  const pid = outcome.view(owner).getInt32(4, true);
  if (isError(outcome.result(got)) || pid === 0) return undefined;
  const vpid = processes.find((process) => process.pid === pid)?.vpid ?? readStatus(pid)?.nsPid.at(-1);
  if (vpid === undefined) return undefined;
  return { type: outcome.view(owner).getInt32(0, true), pid: vpid, signal: outcome.number(signal) };
}
