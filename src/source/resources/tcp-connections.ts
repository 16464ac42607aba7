// TCP connections of the tree: which of its open files are the two ends of one, and what both are like at one moment of the freeze. Nothing
// is in flight between two ends that were read so: what one has sent and the other has not received is unsent, what was received and
// not yet acknowledged is forgotten by its sender.
import { GodwitError } from '../../errors.ts';
import type { TcpConnectionImage } from '../../images/resources/tcp.ts';
import { errnoName } from '../../kernel/program.ts';
import { readConnection, type TcpSnapshot } from '../../kernel/read-connection.ts';
import { endpointKey } from '../../kernel/socket-address.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { solSocket, solTcp, soRcvbuf, soSndbuf, type OptionValue } from '../../kernel/socket-options.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import { isEnded, isShut, sequence } from '../../kernel/tcp-repair.ts';
import type { ConnectionLocker, ConnectionPairs, DumpedConnection } from './driver.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup } from './seen-file.ts';
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
  readonly #ends = new Map<string, OpenFileGroup>();
  #read: ReadonlyMap<OpenFileGroup, ReadEnd> | undefined;

  constructor(groups: readonly OpenFileGroup[], thief: Thief) {
    this.#thief = thief;
    for (const group of groups) {
      if (!group.first.link.startsWith('socket:[')) continue;
      const facts = thief.socket(group.first);
      if (isTcp(facts) && isConnection(facts) && facts.protocol !== ipprotoMptcp)
        this.#ends.set(keyOf(facts.local, facts.remote), group);
    }
  }

  peerOf({ local, remote }: Pick<SocketFacts, 'local' | 'remote'>): OpenFileGroup | undefined {
    return this.#ends.get(keyOf(remote, local));
  }

  dump(group: OpenFileGroup, locks: ConnectionLocker): DumpedConnection {
    this.#read ??= locks.whileFenced(() => this.#readAll(locks));
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
    return {
      options,
      connection: {
        remote: facts.remote,
        ...(other === undefined ? {} : { peer: other.id }),
        ...betweenTwo(snapshot, peer?.snapshot),
        shut: isShut(snapshot.state),
        ended: isEnded(snapshot.state),
        readShut,
        reuse,
        terms: snapshot.terms,
        buffers: snapshot.buffers,
      },
    };
  }

  #readAll(locks: ConnectionLocker): ReadonlyMap<OpenFileGroup, ReadEnd> {
    // The others are refused, and were not before they came into being.
    const carried = [...this.#ends.values()].filter(({ first }) => {
      const facts = this.#thief.socket(first);
      return this.peerOf(facts) !== undefined || isEnded(facts.tcp?.state ?? 0);
    });
    const ends = carried.map((group) => {
      const { first } = group;
      const fd = this.#thief.fdOf(first);
      const changed = changedOptions(fd, this.#thief.socket(first));
      const reuse = changed.some(({ level, name }) => level === solSocket && name === soReuseaddr);
      const options = changed.filter(({ level, name }) => !notAsOptions.has(`${level}:${name}`));
      const error = locks.lock(fd, reuse);
      if (error < 0) {
        const reason = `the connection cannot be locked: ${errnoName(error)}`;
        throw refuse(first, { reason, remedy: 'let the program take off its socket filter' });
      }
      return { group, fd, options, reuse, readShut: this.#thief.isReadShut(first) };
    });
    // Not before all are locked: what one end sends would be told by neither.
    return new Map(
      ends.map(({ group, fd, options, reuse, readShut }) => [
        group,
        { snapshot: readConnection(fd, reuse), options, reuse, readShut },
      ]),
    );
  }
}

type Streams = Pick<TcpConnectionImage, 'sendNext' | 'receiveFirst' | 'unread' | 'unsent' | 'window'>;

/** What one end has still to send, by what the other has got. */
function betweenTwo(own: TcpSnapshot, peer: TcpSnapshot | undefined): Streams {
  const { unread } = own;
  const ended = Number(isEnded(own.state));
  const receiveFirst = sequence(own.receiveNext - ended - unread.length);
  if (peer === undefined) {
    const sendNext = sequence(own.sendNext - Number(isShut(own.state)));
    return {
      unread,
      receiveFirst,
      sendNext,
      unsent: new Uint8Array(),
      window: windowOf(own, own.window.send),
    };
  }
  const sendNext = sequence(peer.receiveNext - Number(isEnded(peer.state)));
  // Nothing but a FIN was acknowledged: one less.
  const received = (sendNext - own.sendFirst) | 0;
  if (received < -Number(isShut(own.state)) || received > own.unacknowledged.length) {
    throw new GodwitError(
      'INTERNAL',
      `one end of a TCP connection has ${received} of the ${own.unacknowledged.length} bytes that the other has sent`,
    );
  }
  const unsent = own.unacknowledged.slice(Math.max(0, received));
  const room = (peer.window.receiveUpdate + peer.window.receive - sendNext) | 0;
  return { unread, receiveFirst, sendNext, unsent, window: windowOf(own, Math.max(0, room)) };
}

function windowOf({ window }: TcpSnapshot, send: number): Streams['window'] {
  return { ...window, send, max: Math.max(window.max, send) };
}

function keyOf(local: Uint8Array | undefined, remote: Uint8Array | undefined): string {
  const empty = new Uint8Array();
  return `${endpointKey(local ?? empty)} ${endpointKey(remote ?? empty)}`;
}
