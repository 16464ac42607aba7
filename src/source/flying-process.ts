// What is attached to one process of a tree in flight.
import { GodwitError } from '../errors.ts';
import type { LiveProcess } from '../kernel/live-process.ts';
import { Program } from '../kernel/program.ts';
import { native } from '../native.ts';
import type { SpaceCopy } from './space-copy.ts';
import { stopLeader } from './stop-leader.ts';
import { readThreads } from './tree.ts';

const userfaultfdFlags = 0o2000000 | 1; // O_CLOEXEC | UFFD_USER_MODE_ONLY

/** One process with everything that was attached to it. */
export interface FlyingProcess {
  readonly startTime: number;
  readonly live: LiveProcess;
  /** Of the memory that it has, its own or another's. */
  readonly copy: SpaceCopy;
  /** The process whose memory it has (CLONE_VM); undefined: its own. */
  readonly memoryOf?: number;
  /** Its shell is cloned from its parent's: what both share by copy-on-write is not sent twice. */
  readonly inherits: boolean;
}

/** Preconditions: the leader is stopped. Returns the agent's own descriptor; none stays in the process. */
export function openUserfaultfd(live: LiveProcess): number {
  const make = new Program();
  const fd = make.attempt('userfaultfd', userfaultfdFlags);
  const remote = live.run(make).number(fd);
  if (remote < 0) return remote;
  const pidfd = native.pidfdOpen(live.pid);
  const own = native.pidfdGetfd(pidfd, remote);
  native.closeFd(pidfd);
  const close = new Program();
  close.attempt('close', remote);
  live.run(close);
  return own;
}

/** Takes what was attached off a process that runs on. */
export function takeOff(pid: number, live: LiveProcess): void {
  try {
    using stopped = stopLeader({ pid, threads: readThreads(pid) });
    if (stopped.has(pid)) live.close();
  } catch (error) {
    // The process goes on as before; one scratch mapping stays, which no harm comes from.
    if (!(error instanceof GodwitError)) throw error;
  }
}
