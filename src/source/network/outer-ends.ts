// The other ends of the tree's veth(4) links: where they are in this host's own network, which is where the target wants its own.
import type { NetworkEntry, OuterEnd } from '../../images/network.ts';
import { addressKind, readEntries, routeKind } from '../../kernel/network/entries.ts';
import { iff, namespaceNumber, readLinks, type Link } from '../../kernel/network/links.ts';

/** DEV@BRIDGE of --link. */
export interface LinkRequest {
  /** Interface of the tree. */
  readonly device: string;
  /** Bridge of the target. */
  readonly bridge: string;
}

/** This host's own network, as far as a tree's hangs on it. */
export class HomeNetwork {
  readonly #links: readonly Link[];
  readonly #tree: number | undefined;

  /** Preconditions: this agent is in its own network. `pid`: a process of the tree. @throws GodwitError SYSCALL */
  constructor(pid: number) {
    this.#links = readLinks();
    this.#tree = namespaceNumber(pid);
  }

  /** The other end of a link of the tree; undefined: it is not here. */
  outerOf(inner: Link): Link | undefined {
    const outer = this.#links.find(({ index }) => index === inner.link);
    const isMutual = outer?.link === inner.index && outer.linkNamespace === this.#tree;
    return isMutual && outer.kind === 'veth' && this.#tree !== undefined ? outer : undefined;
  }

  /** What it belongs to: a bridge, or something else. */
  masterOf(outer: Link): Link | undefined {
    return this.#links.find(({ index }) => index === outer.master);
  }

  /** Preconditions: as of the constructor. */
  imageOf(outer: Link, wanted: string | undefined): OuterEnd {
    const { name, address, mtu, flags, index } = outer;
    const bridge = wanted ?? this.masterOf(outer)?.name;
    const own = bridge === undefined ? entriesOn(index) : { addresses: [], routes: [] };
    const isUp = (flags & iff.up) !== 0;
    return { name, address, mtu, isUp, ...(bridge === undefined ? {} : { bridge }), ...own };
  }
}

/** What an administrator has given an interface of this host. */
export function entriesOn(index: number): Pick<OuterEnd, 'addresses' | 'routes'> {
  const rtaOif = 4;
  const isOn = ({ attributes }: NetworkEntry): boolean =>
    attributes.some(([type, value]) => type === rtaOif && numberOf(value, 0) === index);
  return {
    addresses: readEntries(addressKind).filter(
      (entry) => numberOf(entry.header, 4) === index && !isAutomatic(entry),
    ),
    routes: readEntries(routeKind).filter(isOn),
  };
}

/** A link-local address: each end makes its own. */
function isAutomatic({ header, attributes }: NetworkEntry): boolean {
  const [, address] = attributes.find(([type]) => type === 1) ?? [];
  return header[0] === 10 && address?.[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}

function numberOf(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true);
}
