// Locks on shared storage: the target can take them only when the source has let go of them. Only after COMMIT, when the tree will not
// run here again. Those of open files go through copies of their descriptors, record locks (F_SETLK) by their processes.
// No task of the tree waits for them here: a stop takes a waiter out of the queue (fs/locks.c), to which it never comes back.
import type { TreeState } from '../images/state.ts';
import { runLocal } from '../kernel/local-program.ts';
import { Program } from '../kernel/program.ts';
import { closeLocal } from '../kernel/socket-facts.ts';
import { structFlock } from '../kernel/struct-flock.ts';
import { native } from '../native.ts';
import type { Flight } from './flight.ts';
import type { Frozen } from './freeze.ts';
import type { InFlight } from './open-files.ts';

const setLock = 6;
const ofdSetLock = 37;
const lockUn = 8;

type LockedState = Pick<TreeState, 'openFiles' | 'processes'>;

/** Preconditions: COMMIT was won, the tree is held and behind its fence. */
export function releaseLocks(flight: Flight, frozen: Frozen, state: LockedState, inFlight: InFlight): void {
  const records = new Map<number, number[]>();
  for (const { id, locks } of state.openFiles) {
    if (locks === undefined) continue;
    const { flock, ranges } = locks;
    if (flock !== 0 || ranges.length > 0) {
      const copy = inFlight.copyOf(id);
      if (copy === undefined) releaseOpenFile(flight, state, id);
      else unlock(copy);
    }
    for (const vpid of new Set(locks.records.map(({ pid }) => pid))) {
      const fd = state.processes
        .find(({ pid }) => pid === vpid)
        ?.descriptors.find(({ file }) => file === id)?.fd;
      if (fd !== undefined) records.set(vpid, [...(records.get(vpid) ?? []), fd]);
    }
  }
  if (records.size === 0) return;
  frozen.whileUnfenced(() => {
    for (const process of flight.living) {
      const fds = records.get(process.vpid);
      if (fds === undefined) continue;
      const program = new Program();
      for (const fd of fds) program.attempt('fcntl', fd, setLock, program.bytes(structFlock(undefined)));
      flight.of(process).live.run(program);
    }
  });
}

function releaseOpenFile(flight: Flight, { processes }: LockedState, file: number): void {
  const holder = processes.flatMap(({ pid, descriptors }) => {
    const fd = descriptors.find((descriptor) => descriptor.file === file)?.fd;
    return fd === undefined ? [] : [{ vpid: pid, fd }];
  })[0];
  const pid = flight.living.find(({ vpid }) => vpid === holder?.vpid)?.pid;
  if (holder === undefined || pid === undefined) return;
  const pidfd = native.pidfdOpen(pid);
  if (pidfd < 0) return;
  const fd = native.pidfdGetfd(pidfd, holder.fd);
  if (fd >= 0) {
    unlock(fd);
    closeLocal(fd);
  }
  closeLocal(pidfd);
}

function unlock(fd: number): void {
  const program = new Program();
  program.attempt('flock', fd, lockUn);
  program.attempt('fcntl', fd, ofdSetLock, program.bytes(structFlock(undefined)));
  runLocal(program);
}
