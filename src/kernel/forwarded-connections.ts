// Connections that are forwarded, as both agents know them: which packets are theirs, and how their other ends hear of the end.
//
//   name   "10.0.0.5:7000 10.0.0.9:40312"     the tree's end, the other end
import type { OpenFile } from '../images/state.ts';
import { addressPort, endpointKey, hostText } from './socket-address.ts';
import { isAfter, sequence } from './tcp-repair.ts';
import { makeSegment, readSegment, tcpFin, tcpRst, type SeenSegment } from './tcp-segment.ts';

export const connectionName = (local: string, remote: string): string => `${local} ${remote}`;

interface Connection {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  /** Sequence number of what the tree says next, as far as it was seen here. */
  next: number;
}

export class ForwardedConnections {
  readonly #byName = new Map<string, Connection>();

  /** Those with others whose address is one of `hosts` (as hostText writes them). */
  constructor(openFiles: readonly OpenFile[], hosts: ReadonlySet<string>) {
    for (const { resource } of openFiles) {
      if (resource.kind !== 'tcp' || resource.local === undefined) continue;
      const { local, connection } = resource;
      if (connection?.outside === undefined || !hosts.has(hostText(local))) continue;
      const { remote, sendNext, outside } = connection;
      const next = sequence(sendNext + outside.sent.length + Number(outside.finSent));
      this.#byName.set(connectionName(endpointKey(local), endpointKey(remote)), { local, remote, next });
    }
  }

  get size(): number {
    return this.#byName.size;
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** Of the tree's ends. */
  get ports(): Set<number> {
    return new Set([...this.#byName.values()].map(({ local }) => addressPort(local)));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  /** To the tree (`there`), or from it: those of the packets that belong to one of these connections. */
  packetsOf(packets: readonly Uint8Array[], there: boolean): Uint8Array[] {
    return packets.filter((packet) => {
      const segment = readSegment(packet);
      if (segment === undefined) return false;
      const connection = this.#byName.get(nameOf(segment, there));
      if (connection === undefined) return false;
      const said = there ? segment.acknowledged : endOf(segment);
      if (isAfter(said, connection.next)) connection.next = said;
      return true;
    });
  }

  /**
   * What tells each other end that its connection is over: a reset that is in its window at least, which it then asks about (RFC 5961), and
   * whoever does not know the connection resets it.
   */
  resets(): Uint8Array[] {
    return [...this.#byName.values()].map(({ local, remote, next }) =>
      makeSegment({ from: local, to: remote, sequence: next, acknowledged: 0, flags: tcpRst, window: 0 }),
    );
  }
}

function nameOf({ source, destination }: SeenSegment, there: boolean): string {
  return there ? connectionName(destination, source) : connectionName(source, destination);
}

const endOf = ({ sequence: first, length, flags }: SeenSegment): number =>
  sequence(first + length + Number((flags & tcpFin) !== 0));
