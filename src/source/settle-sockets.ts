// What ends by itself in a moment, and could not be carried: TCP sockets that no descriptor refers to, for there is no way to them. The tree
// runs meanwhile.
//
//   somebody's handshake         listening socket     first segments are dropped (and captured: the target answers them)
//   waiting to be accepted       listening socket     the tree accepts them, and has a descriptor
//   closed, with data on its way address that moves   the other end acknowledges it
import { setTimeout as sleep } from 'node:timers/promises';
import { allTcpSockets, type InetSocketInfo } from '../kernel/sockets.ts';
import { plainHost } from '../kernel/socket-address.ts';
import type { ConnectionLocks } from './connection-locks.ts';
import { InFlight } from './resources/in-flight.ts';
import type { ProcessRef } from './resources/seen-file.ts';
import { ipprotoMptcp, isTcp } from './resources/tcp-facts.ts';
import { Thief } from './resources/thief.ts';
import { TreeFiles } from './resources/tree-files.ts';
import { unlessGone } from './resources/unless-gone.ts';

/** Clients wait that long at most. */
const handshakesMs = 300;
const farewellsMs = 1000;
const longestPauseMs = 16;
const noticeableMs = 20;

/** From now on nobody new comes, until the locks are disposed of. */
export async function settleHandshakes(
  processes: readonly ProcessRef[],
  locks: Pick<ConnectionLocks, 'lockListener'>,
): Promise<void> {
  const inodes = lockListeners(processes, locks);
  if (inodes.size === 0) return;
  await untilSettled(handshakesMs, () => {
    const all = allTcpSockets();
    const listeners = all.filter(({ inode }) => inodes.has(inode));
    if (listeners.some(({ rqueue }) => rqueue > 0)) return false;
    const ports = new Set(listeners.map(({ localPort }) => localPort));
    return !all.some(({ state, localPort }) => isHandshake(state) && ports.has(localPort));
  });
}

/**
 * Waits for those that there are now: a busy server has always some. `hosts`: as hostText writes them. True: it took so long that a good
 * many pages may have been written meanwhile.
 */
export async function settleFarewells(hosts: ReadonlySet<string>): Promise<boolean> {
  if (hosts.size === 0) return false;
  const began = performance.now();
  let left = farewells(hosts);
  await untilSettled(farewellsMs, () => {
    const now = farewells(hosts);
    left = new Set([...left].filter((ends) => now.has(ends)));
    return left.size === 0;
  });
  return performance.now() - began > noticeableMs;
}

/** Asked when the tree runs on the target already: nothing may go wrong. */
export function cutFarewells(hosts: ReadonlySet<string>): number {
  if (hosts.size === 0) return 0;
  try {
    return farewells(hosts).size;
  } catch {
    return 0;
  }
}

/** Sockets of these addresses whose program has closed them, and whose other end has not got everything. */
function farewells(hosts: ReadonlySet<string>): ReadonlySet<string> {
  const found = allTcpSockets().filter(
    ({ inode, state, localAddress }) =>
      inode === 0 && isFarewell(state) && hosts.has(plainHost(localAddress)),
  );
  return new Set(found.map(({ local, remote }) => `${local} <- ${remote}`));
}

function lockListeners(
  processes: readonly ProcessRef[],
  locks: Pick<ConnectionLocks, 'lockListener'>,
): ReadonlySet<number> {
  using thief = new Thief();
  using inFlight = new InFlight('running');
  const inodes = new Set<number>();
  for (const { first } of TreeFiles.read(processes, inFlight).groups) {
    unlessGone(() => {
      if (!first.link.startsWith('socket:[')) return;
      const facts = thief.socket(first);
      // The kernel takes no filter for MPTCP (mptcp_setsockopt_sol_socket: EOPNOTSUPP).
      if (!isTcp(facts) || !facts.listening || facts.protocol === ipprotoMptcp) return;
      const inode = Number(first.stat.ino);
      locks.lockListener(thief.fdOf(first), inode);
      inodes.add(inode);
    });
    thief.release();
  }
  return inodes;
}

async function untilSettled(forMs: number, isSettled: () => boolean): Promise<void> {
  const until = performance.now() + forMs;
  for (let pauseMs = 1; !isSettled() && performance.now() < until; pauseMs *= 2)
    await sleep(Math.min(pauseMs, longestPauseMs));
}

const isHandshake = (state: InetSocketInfo['state']): boolean =>
  state === 'syn-recv' || state === 'new-syn-recv';

const isFarewell = (state: InetSocketInfo['state']): boolean =>
  state === 'fin-wait-1' || state === 'last-ack' || state === 'closing';
