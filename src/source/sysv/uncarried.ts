// Semaphore sets and message queues that the tree uses are not carried: without them it would fail on the target, so they stand in the
// way. No process holds them; the kernel notes down who last worked with each semaphore and each end of a queue.
import type { Blocker } from '../../images/requirements.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { readSysv } from '../../kernel/proc/sysvipc.ts';
import { readSyscall } from '../../kernel/proc/syscall.ts';
import { syscalls } from '../../kernel/syscalls.ts';
import type { SourceProcess } from '../tree.ts';

const getPid = 11;

type Kind = 'sem' | 'msg';
const words = { sem: 'semaphore set', msg: 'message queue' } as const;
/** Calls that wait, with the ID as their first argument. */
const waits: ReadonlyMap<number, Kind> = new Map([
  [syscalls.semop, 'sem'],
  [syscalls.semtimedop, 'sem'],
  [syscalls.msgsnd, 'msg'],
  [syscalls.msgrcv, 'msg'],
]);

export function surveyUncarried(processes: readonly SourceProcess[]): Blocker[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  const users = new Map([...usersOfSets(pids), ...usersOfQueues(pids), ...waiters(processes)]);
  return [...users].map(([name, pid]) => ({
    side: 'source',
    object: `process ${pid} ${name}`,
    reason:
      'it uses this System V object, and Godwit does not carry semaphores and message queues of System V yet',
    remedy:
      'stop the program and start it on the target; or remove the object, if nobody needs it any more (ipcrm)',
  }));
}

type Users = [name: string, pid: number][];

function usersOfSets(pids: ReadonlySet<number>): Users {
  return readSysv('sem').flatMap(({ id, columns }): Users => {
    const program = new Program();
    const noted = Array.from({ length: columns['nsems'] ?? 0 }, (_, i) =>
      program.attempt('semctl', id, i, getPid, 0),
    );
    const outcome = runLocal(program); // a negative errno, of a set that is gone or another user's, is no PID
    const user = noted.map((result) => outcome.number(result)).find((pid) => pids.has(pid));
    return user === undefined ? [] : [[nameOf('sem', id), user]];
  });
}

function usersOfQueues(pids: ReadonlySet<number>): Users {
  return readSysv('msg').flatMap(({ id, columns }): Users => {
    const user = [columns['lspid'] ?? 0, columns['lrpid'] ?? 0].find((pid) => pids.has(pid));
    return user === undefined ? [] : [[nameOf('msg', id), user]];
  });
}

/** Who waits has not been noted down yet. */
function waiters(processes: readonly SourceProcess[]): Users {
  return processes.flatMap(({ pid, zombie, threads }): Users => {
    if (zombie !== undefined) return [];
    return threads.flatMap(({ tid }): Users => {
      const blocked = readSyscall(pid, tid);
      const kind = blocked?.kind === 'syscall' ? waits.get(blocked.nr) : undefined;
      if (blocked?.kind !== 'syscall' || kind === undefined) return [];
      return [[nameOf(kind, Number(blocked.args[0] ?? 0n)), pid]];
    });
  });
}

function nameOf(kind: Kind, id: number): string {
  return `System V ${words[kind]} ${id}`;
}
