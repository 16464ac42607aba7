// TCP segments that come for the tree while its connections are locked, and UDP datagrams. The lock drops the former, and a dropped segment
// costs its sender at least 200 ms (the minimum of a retransmission timeout); what comes for a UDP socket that was read already would be
// lost. So they are copied as they come in, and the target hears them when the tree runs there.
import { GodwitError } from '../errors.ts';
import type { OpenFile } from '../images/state.ts';
import { isSwitchedOff } from '../kernel/probes/without.ts';
import { errnoName } from '../kernel/program.ts';
import type { HostAddress } from '../kernel/rtnetlink.ts';
import { addressPort, endpointKey, isAnyAddress } from '../kernel/socket-address.ts';
import { afInet, afInet6 } from '../kernel/socket-options.ts';
import { isAfter, sequence } from '../kernel/tcp-repair.ts';
import {
  joinSegments,
  readSegment,
  splitSegments,
  tcpAck,
  tcpFin,
  type SeenSegment,
} from '../kernel/tcp-segment.ts';
import { readDatagram } from '../kernel/udp-packet.ts';
import { native } from '../native.ts';
import { datagramsFor } from './datagrams-for.ts';

/** What is kept of those that come; whoever has sent more sends it again. */
const mostBytes = 32 << 20;
/** What COMMIT may carry: until it is there the tree stands still. The rest comes late. */
const mostAtOnce = 1 << 20;

/** A packet socket for addresses of one family. */
interface Capture {
  readonly fd: number;
  readonly family: number;
  readonly hosts: Uint8Array;
}

export class SegmentCapture implements Disposable {
  #captures: readonly Capture[];
  readonly #warn: (text: string) => void;
  #waiting: readonly Uint8Array[] = [];
  /** What comes from now on is in no queue of the image. */
  #hasTaken = false;

  /** @throws GodwitError SYSCALL */
  constructor(addresses: readonly HostAddress[], warn: (text: string) => void) {
    this.#warn = warn;
    const captures: Capture[] = [];
    this.#captures = captures;
    if (isSwitchedOff('segment-capture')) return;
    for (const family of [afInet, afInet6]) {
      const own = addresses.filter((one) => one.family === family).map(({ address }) => address);
      if (own.length === 0) continue;
      const hosts = Buffer.concat(own);
      const fd = native.openCapture(family, hosts);
      if (fd >= 0) captures.push({ fd, family, hosts });
      else this.#failed(fd);
    }
  }

  /** From now on only TCP to one of these ports of the addresses. */
  narrow(ports: ReadonlySet<number>): void {
    for (const { fd, family, hosts } of this.#captures)
      native.narrowCapture(fd, family, hosts, Uint16Array.from(ports));
  }

  /** Somebody else goes on with it: this one hears nothing more. */
  handOver(): SegmentCapture {
    const other = new SegmentCapture([], this.#warn);
    other.#captures = this.#captures;
    this.#captures = [];
    return other;
  }

  /** Everything that has come since the last time. */
  everything(): Uint8Array[] {
    return this.#packets();
  }

  /** Settled when something has come, or after so many milliseconds. */
  async wait(timeoutMs: number): Promise<void> {
    await native.waitReadable(
      Int32Array.from(this.#captures, ({ fd }) => fd),
      timeoutMs,
    );
  }

  /** What has come until now was heard by its sockets, but for what their locks have dropped: first segments of new connections. */
  restart(): void {
    this.#waiting = this.#packets().filter((packet) => readSegment(packet)?.isFirst === true);
  }

  /** The first of what has come for the tree and its sockets have not heard; call until there is nothing. */
  take(openFiles: readonly OpenFile[]): Uint8Array<ArrayBuffer> {
    const waiting = this.#waiting;
    const packets = this.#packets();
    // What waits was chosen already, but for first segments of before the freeze.
    const all = [
      ...segmentsFor(openFiles, waiting),
      ...waiting.filter((packet) => readDatagram(packet) !== undefined),
      ...segmentsFor(openFiles, packets),
      ...datagramsFor(openFiles, packets, !this.#hasTaken),
    ];
    this.#hasTaken = true;
    const kept = firstOf(all, mostBytes);
    const now = firstOf(kept, mostAtOnce);
    this.#waiting = kept.slice(now.length);
    return joinSegments(now);
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#captures) native.closeFd(fd);
    this.#captures = [];
  }

  #packets(): Uint8Array[] {
    return this.#captures.flatMap(({ fd }) => {
      const lost = new Int32Array(1);
      const segments = native.takeSegments(fd, lost);
      if ((lost[0] ?? 0) > 0) this.#warn(`${lost[0]} packets found no room: TCP sends its own again`);
      return typeof segments === 'number' ? [] : splitSegments(segments);
    });
  }

  #failed(errno: number): never {
    this[Symbol.dispose]();
    throw new GodwitError('SYSCALL', `TCP segments cannot be captured: ${errnoName(errno)}`);
  }
}

/** As many as have so many bytes together. */
export function firstOf(packets: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  const end = packets.findIndex(({ length }) => (left -= length) < 0);
  return end < 0 ? packets : packets.slice(0, end);
}

/** What one end has got, and what it knows to have arrived. */
interface Known {
  readonly receiveNext: number;
  readonly sendFirst: number;
}

/** Those of the packets that the sockets in the image have not heard: of connections, and first ones to listening sockets. */
export function segmentsFor(openFiles: readonly OpenFile[], packets: readonly Uint8Array[]): Uint8Array[] {
  const connections = new Map<string, Known>();
  const listeners = new Set<string>();
  for (const { resource } of openFiles) {
    if (resource.kind !== 'tcp' || resource.local === undefined) continue;
    const { local, state, connection } = resource;
    if (state === 'listening')
      listeners.add(isAnyAddress(local) ? `*:${addressPort(local)}` : endpointKey(local));
    if (connection?.outside === undefined) continue;
    const { remote, receiveFirst, unread, urgent, sendNext, ended } = connection;
    connections.set(`${endpointKey(remote)} ${endpointKey(local)}`, {
      receiveNext: sequence(receiveFirst + unread.length + (urgent?.length ?? 0) + Number(ended)),
      sendFirst: sendNext,
    });
  }
  const seen = packets.flatMap((packet) => readSegment(packet) ?? []);
  // The last word of each tells the window that there is.
  const last = new Map(seen.map((segment) => [nameOf(segment), segment]));
  return seen
    .filter((segment) => {
      const known = connections.get(nameOf(segment));
      const { isFirst } = segment;
      // It was heard, and accepted, before its listening socket was locked.
      if (known !== undefined && isFirst) return false;
      if (known !== undefined) return isNews(segment, known) || last.get(nameOf(segment)) === segment;
      const port = segment.destination.slice(segment.destination.lastIndexOf(':'));
      return isFirst && (listeners.has(segment.destination) || listeners.has(`*${port}`));
    })
    .map(({ packet }) => packet);
}

const nameOf = ({ source, destination }: SeenSegment): string => `${source} ${destination}`;

function isNews(segment: SeenSegment, { receiveNext, sendFirst }: Known): boolean {
  const { flags, length, acknowledged } = segment;
  const isFin = (flags & tcpFin) !== 0;
  if ((flags & ~(tcpAck | tcpFin | 8)) !== 0) return true; // SYN, RST, URG: whatever it means
  if (length > 0 || isFin) return isAfter(sequence(segment.sequence + length + Number(isFin)), receiveNext);
  return isAfter(acknowledged, sendFirst);
}
