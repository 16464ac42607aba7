// Semaphore sets that the tree uses are not carried: without them it would fail on the target, so they stand in the way. No process
// holds one; the kernel notes down who last worked with each semaphore.
import type { Blocker } from '../../images/requirements.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { readSysv } from '../../kernel/proc/sysvipc.ts';
import type { SourceProcess } from '../tree.ts';
import { waitedFor } from './waiters.ts';

const getPid = 11;

export function surveySemaphores(processes: readonly SourceProcess[]): Blocker[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  const waiters = waitedFor(processes, 'sem').map(({ id, pid }): [id: number, pid: number] => [id, pid]);
  return [...new Map([...usersOfSets(pids), ...waiters])].map(([id, pid]) => ({
    side: 'source',
    object: `process ${pid} System V semaphore set ${id}`,
    reason:
      'it uses this System V object, and Godwit does not carry semaphores of System V yet (what semop is to undo when a process ends)',
    remedy:
      'stop the program and start it on the target; or remove the object, if nobody needs it any more (ipcrm)',
  }));
}

function usersOfSets(pids: ReadonlySet<number>): [id: number, pid: number][] {
  return readSysv('sem').flatMap(({ id, columns }): [number, number][] => {
    const program = new Program();
    const noted = Array.from({ length: columns['nsems'] ?? 0 }, (_, i) =>
      program.attempt('semctl', id, i, getPid, 0),
    );
    const outcome = runLocal(program); // a negative errno, of a set that is gone or another user's, is no PID
    const user = noted.map((result) => outcome.number(result)).find((pid) => pids.has(pid));
    return user === undefined ? [] : [[id, user]];
  });
}
