// TCP connections of the tree: which of its open files are the two ends of one, and what they are like at one moment of the freeze. Nothing
// is in flight between two ends that were read so: what one has sent and the other has not received is unsent, what was received and
// not yet acknowledged is forgotten by its sender. What is in flight to or from somebody outside is told by neither: it stays sent, and
// what comes is captured (source/segment-capture.ts).
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { TcpConnectionImage } from '../../images/resources/tcp.ts';
import type { LockedConnection } from '../../kernel/keeper-network.ts';
import { hostAddresses } from '../../kernel/rtnetlink.ts';
import { addressText } from '../../kernel/proc/inet-address.ts';
import { readConnection, type TcpSnapshot } from '../../kernel/read-connection.ts';
import { endpointKey, hostText, isLoopback } from '../../kernel/socket-address.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { solSocket, solTcp, soRcvbuf, soSndbuf, type OptionValue } from '../../kernel/socket-options.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import { isEnded, isShut, sequence } from '../../kernel/tcp-repair.ts';
import type { ConnectionLocker, ConnectionPairs, DumpedConnection, OpenFileOptions } from './driver.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';
import { ipprotoMptcp, isConnection, isTcp } from './tcp-facts.ts';
import type { Thief } from './thief.ts';

const soReuseaddr = 2;
/** TCP_MAXSEG and TCP_WINDOW_CLAMP of a connection tell what was agreed on; the others travel by themselves. */
const notAsOptions = new Set([
  `${solSocket}:${soReuseaddr}`,
  `${solSocket}:${soSndbuf}`,
  `${solSocket}:${soRcvbuf}`,
  `${solTcp}:2`,
  `${solTcp}:10`,
]);

interface ReadEnd {
  readonly snapshot: TcpSnapshot;
  readonly options: readonly OptionValue[];
  readonly reuse: boolean;
  readonly readShut: boolean;
}

export class TcpConnections implements ConnectionPairs {
  readonly #thief: Thief;
  readonly #hosts: Pick<OpenFileOptions, 'moving' | 'forwarded'>;
  #own: ReadonlySet<string> | undefined;
  readonly #listeners: OpenFileGroup[] = [];
  readonly #ends = new Map<string, OpenFileGroup>();
  #read: ReadonlyMap<OpenFileGroup, ReadEnd> | undefined;

  constructor(
    groups: readonly OpenFileGroup[],
    thief: Thief,
    hosts: Pick<OpenFileOptions, 'moving' | 'forwarded'>,
  ) {
    this.#thief = thief;
    this.#hosts = hosts;
    for (const group of groups) {
      if (!group.first.link.startsWith('socket:[')) continue;
      const facts = thief.socket(group.first);
      // The kernel takes no filter for MPTCP (mptcp_setsockopt_sol_socket: EOPNOTSUPP).
      if (isTcp(facts) && facts.listening && facts.protocol !== ipprotoMptcp) this.#listeners.push(group);
      if (isTcp(facts) && isConnection(facts) && facts.protocol !== ipprotoMptcp)
        this.#ends.set(keyOf(facts.local, facts.remote), group);
    }
  }

  peerOf({ local, remote }: Pick<SocketFacts, 'local' | 'remote'>): OpenFileGroup | undefined {
    return this.#ends.get(keyOf(remote, local));
  }

  isWithOthers({ local, remote }: Pick<SocketFacts, 'local' | 'remote'>): boolean {
    const { moving, forwarded } = this.#hosts;
    const host = hostText(local);
    if (remote === undefined || !(moving.has(host) || forwarded.has(host))) return false;
    return !isLoopback(remote) && !this.#isOwn(hostText(remote));
  }

  dump(group: OpenFileGroup, locks: ConnectionLocker): DumpedConnection {
    this.lockListeners(locks);
    if (this.#read === undefined) locks.fence();
    this.#read ??= this.#readAll(locks);
    const own = this.#read.get(group);
    const facts = this.#thief.socket(group.first);
    if (own === undefined || facts.remote === undefined)
      throw refuse(group.first, {
        reason: 'the connection came into being while it was read',
        remedy: 'try again',
      });
    const other = this.peerOf(facts);
    const peer = other && this.#read.get(other);
    const { snapshot, options, reuse, readShut } = own;
    const isOutside = other === undefined && this.isWithOthers(facts);
    return {
      options,
      connection: {
        remote: facts.remote,
        ...(other === undefined ? {} : { peer: other.id }),
        ...(isOutside ? withOthers(snapshot) : betweenTwo(snapshot, peer?.snapshot)),
        shut: isShut(snapshot.state),
        ended: isEnded(snapshot.state),
        readShut,
        reuse,
        terms: snapshot.terms,
        buffers: snapshot.buffers,
      },
    };
  }

  /** None of them accepts anybody any more. */
  lockListeners(locks: ConnectionLocker): void {
    for (const { first } of this.#listeners.splice(0)) {
      locked(first, () => {
        locks.lockListener(this.#thief.fdOf(first), Number(first.stat.ino));
      });
    }
  }

  #isOwn(host: string): boolean {
    this.#own ??= new Set(hostAddresses().map(({ address }) => addressText(address)));
    return this.#own.has(host);
  }

  #readAll(locker: ConnectionLocker): ReadonlyMap<OpenFileGroup, ReadEnd> {
    // The others are refused, and were not before they came into being.
    const carried = [...this.#ends.values()].filter(({ first }) => {
      const facts = this.#thief.socket(first);
      return this.peerOf(facts) !== undefined || this.isWithOthers(facts) || isEnded(facts.tcp?.state ?? 0);
    });
    const ends = carried.map((group) => {
      const { first } = group;
      const fd = this.#thief.fdOf(first);
      const changed = changedOptions(fd, this.#thief.socket(first));
      const options = changed.filter(({ level, name }) => !notAsOptions.has(`${level}:${name}`));
      return { group, fd, options, readShut: this.#thief.isReadShut(first) };
    });
    // Not before all are locked: what one end sends would be told by neither.
    const locks = lockAll(ends, locker);
    return new Map(
      ends.map(({ group, fd, options, readShut }, i) => {
        const { reuse = false, window = 0 } = locks[i] ?? {};
        return [group, { snapshot: readConnection(fd, window), options, reuse, readShut }];
      }),
    );
  }
}

/** @throws GodwitError REFUSED, naming the one that cannot be locked */
function lockAll(
  ends: readonly { readonly group: OpenFileGroup; readonly fd: number }[],
  locker: ConnectionLocker,
): readonly LockedConnection[] {
  try {
    return locker.lock(ends.map(({ fd }) => fd));
  } catch {
    return ends.flatMap(({ group, fd }) => locked(group.first, () => locker.lock([fd])));
  }
}

/** @throws GodwitError REFUSED */
function locked<T>(file: SeenFile, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw refuse(file, {
      reason: `it cannot be locked: ${asGodwitError(error).message}`,
      remedy: 'let the program take off its socket filter',
    });
  }
}

type Streams = Pick<
  TcpConnectionImage,
  'sendNext' | 'receiveFirst' | 'unread' | 'urgent' | 'unsent' | 'window' | 'outside'
>;

/** include/net/tcp_states.h: FIN_WAIT2, its FIN is acknowledged. */
const finWait2 = 5;

/** Both parts of the receive queue, and where it begins. */
function received({
  unread,
  urgent,
  receiveNext,
  state,
}: TcpSnapshot): Pick<Streams, 'receiveFirst' | 'unread' | 'urgent'> {
  const length = unread.length + (urgent?.length ?? 0);
  const receiveFirst = sequence(receiveNext - Number(isEnded(state)) - length);
  return { unread, receiveFirst, ...(urgent === undefined ? {} : { urgent }) };
}

/** What it is to somebody who has whatever was on its way. */
function withOthers(own: TcpSnapshot): Streams {
  const { unacknowledged, state } = own;
  const finAcknowledged = state === finWait2;
  const sentBytes = unacknowledged.length - own.unsent;
  return {
    ...received(own),
    sendNext: sequence(own.sendFirst - Number(finAcknowledged)),
    unsent: unacknowledged.slice(sentBytes),
    outside: { sent: unacknowledged.slice(0, sentBytes), finSent: own.isFinSent, finAcknowledged },
    window: windowOf(own, own.window.send),
  };
}

/** What one end has still to send, by what the other has got. */
function betweenTwo(own: TcpSnapshot, peer: TcpSnapshot | undefined): Streams {
  if (peer === undefined) {
    const sendNext = sequence(own.sendNext - Number(isShut(own.state)));
    return {
      ...received(own),
      sendNext,
      unsent: new Uint8Array(),
      window: windowOf(own, own.window.send),
    };
  }
  const sendNext = sequence(peer.receiveNext - Number(isEnded(peer.state)));
  // Nothing but a FIN was acknowledged: one less.
  const has = (sendNext - own.sendFirst) | 0;
  if (has < -Number(isShut(own.state)) || has > own.unacknowledged.length) {
    throw new GodwitError(
      'INTERNAL',
      `one end of a TCP connection has ${has} of the ${own.unacknowledged.length} bytes that the other has sent`,
    );
  }
  const unsent = own.unacknowledged.slice(Math.max(0, has));
  const room = (peer.window.receiveUpdate + peer.window.receive - sendNext) | 0;
  return { ...received(own), sendNext, unsent, window: windowOf(own, Math.max(0, room)) };
}

function windowOf({ window }: TcpSnapshot, send: number): Streams['window'] {
  return { ...window, send, max: Math.max(window.max, send) };
}

function keyOf(local: Uint8Array | undefined, remote: Uint8Array | undefined): string {
  const empty = new Uint8Array();
  return `${endpointKey(local ?? empty)} ${endpointKey(remote ?? empty)}`;
}
