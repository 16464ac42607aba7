// The network of a tree, on the target: a new namespace, in which this agent is from then on, and where keeper and shells are born. It is
// made while the tree still runs on the source, complete and up, but for its connection with this host: that is the keeper's to make when
// the tree runs here. Until then nobody hears of it, though it has the addresses of the one that still works.
import { GodwitError } from '../../errors.ts';
import type { NetworkEntry, NetworkImage, NetworkLink, NetworkTables } from '../../images/network.ts';
import type { Keeper } from '../../kernel/keeper.ts';
import { addressKind, messageOf, routeKind, type EntryKind } from '../../kernel/network/entries.ts';
import { linkMessage, placeMessage, readLinks } from '../../kernel/network/links.ts';
import { nameNetwork } from '../../kernel/network/names.ts';
import { enterNewNetwork } from '../../kernel/network-namespace.ts';
import { openNetlink } from '../../kernel/netlink-messages.ts';
import { addressText } from '../../kernel/proc/inet-address.ts';
import { outerIndex, type Home } from './make-links.ts';
import { makeNetwork } from './make-network.ts';

const rtaOif = 4;
const ifaAddress = 1;
const ifaLocal = 2;

export class TreeNetwork {
  readonly #home: Home;
  /** Interfaces of this host's own network, by name. */
  readonly #bridges: ReadonlyMap<string, number>;
  #image: NetworkImage | undefined;

  /** From now on this agent is in there. @throws GodwitError NO_RIGHTS */
  static enter(): TreeNetwork {
    const bridges = new Map(readLinks().map(({ name, index }) => [name, index]));
    const netlink = openNetlink();
    return new TreeNetwork({ netlink, namespace: enterNewNetwork() }, bridges);
  }

  private constructor(home: Home, bridges: ReadonlyMap<string, number>) {
    this.#home = home;
    this.#bridges = bridges;
  }

  /** It becomes as the image says, whatever it is. Returns settings that it could not be given. @throws GodwitError REFUSED, SYSCALL, UNSUPPORTED */
  follow(image: NetworkImage): string[] {
    const refused = makeNetwork(image, this.#image, this.#home);
    this.#image = image;
    return refused;
  }

  /** What has changed in it since, if anything has. @throws GodwitError as follow */
  change(tables: NetworkTables): void {
    if (this.#image === undefined)
      throw new GodwitError('PROTOCOL', 'the source changes a network that there is not');
    const { ruleset = this.#image.ruleset, ...others } = tables;
    this.follow({ ...this.#image, ...others, ruleset });
  }

  /** Gives it the name that it had. Returns why it could not. Preconditions: the tree runs. */
  takeName(): string | undefined {
    const name = this.#image?.name;
    return name === undefined ? undefined : nameNetwork(name, process.pid);
  }

  /** Its addresses, as hostText writes them. */
  get hosts(): ReadonlySet<string> {
    return new Set(this.#reachable().map(({ host }) => host));
  }

  /** What the keeper does when the tree runs: it is joined to this host's network, and its neighbours hear of it. @throws GodwitError KEEPER */
  sayTo(keeper: Pick<Keeper['network'], 'sayLink' | 'sayAddress'>): void {
    for (const link of this.#image?.links ?? []) if (link.kind === 'veth') this.#join(link, keeper);
    for (const { entry } of this.#reachable()) keeper.sayAddress(messageOf(addressKind, entry));
  }

  /** What others can reach it by. */
  #reachable(): { readonly host: string; readonly entry: NetworkEntry }[] {
    return (this.#image?.addresses ?? []).flatMap((entry) => {
      const of = (wanted: number): Uint8Array | undefined =>
        entry.attributes.find(([type]) => type === wanted)?.[1];
      const address = of(ifaLocal) ?? of(ifaAddress);
      const host = address === undefined ? '' : addressText(new Uint8Array(address));
      return host === '' || host === '::1' || host.startsWith('127.') ? [] : [{ host, entry }];
    });
  }

  #join(link: Extract<NetworkLink, { kind: 'veth' }>, keeper: Pick<Keeper['network'], 'sayLink'>): void {
    const { bridge, isUp, addresses, routes } = link.outer;
    const index = outerIndex(link);
    const say = (type: number, message: Uint8Array): void => {
      keeper.sayLink(type, message, this.#home.netlink);
    };
    const master = bridge === undefined ? undefined : this.#bridges.get(bridge);
    if (master !== undefined) say(linkMessage, placeMessage(index, master, isUp));
    for (const entry of addresses)
      say(addressKind.add, messageOf(addressKind, on(addressKind, entry, index)));
    for (const entry of routes) say(routeKind.add, messageOf(routeKind, on(routeKind, entry, index)));
  }
}

/** Of struct ifaddrmsg. */
const addressIndexAt = 4;

/** The same on another interface. */
function on(kind: EntryKind, { header, attributes }: NetworkEntry, index: number): NetworkEntry {
  const number = new Uint8Array(Uint32Array.of(index).buffer);
  if (kind === routeKind)
    return {
      header,
      attributes: attributes.map(([type, value]) => [type, type === rtaOif ? number : value]),
    };
  const moved = new Uint8Array(header);
  moved.set(number, addressIndexAt);
  return { header: moved, attributes };
}
