// The network of a tree in one flight: looked at from inside, cut off from this host between PREPARED and COMMIT, and hung on it again by the
// keeper when the tree goes on here after all.
import { isDeepStrictEqual } from 'node:util';
import { GodwitError } from '../../errors.ts';
import type { NetworkTables } from '../../images/network.ts';
import type { Keeper } from '../../kernel/keeper.ts';
import { addressKind, messageOf, routeKind } from '../../kernel/network/entries.ts';
import {
  iff,
  linkMessage,
  placeMessage,
  readLinks,
  removeLink,
  type Link,
} from '../../kernel/network/links.ts';
import { forgetNetwork } from '../../kernel/network/names.ts';
import { readRuleset, rulesetGeneration } from '../../kernel/network/nftables.ts';
import { hasOtherNetwork, inNetworkOf, NetworkVisit } from '../../kernel/network-namespace.ts';
import { openNetlink, order } from '../../kernel/netlink-messages.ts';
import { errnoName } from '../../kernel/program.ts';
import type { HostAddress } from '../../kernel/rtnetlink.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { revertAll } from '../revert-all.ts';
import { ownAddresses } from '../moving-addresses.ts';
import { entriesOn, HomeNetwork, type LinkRequest } from './outer-ends.ts';
import { findNetwork, readTables } from './read-network.ts';

type CutKeeper = Pick<Keeper, 'word'> & {
  readonly network: Pick<Keeper['network'], 'undoLink' | 'undoAddress' | 'undoRoute' | 'revert'>;
};

export class TravellingNetwork implements Disposable {
  readonly #keeper: CutKeeper;
  readonly #warn: (text: string) => void;
  /** Other ends of its links that are up, in this host's own network, and what they lose when they are set down: IPv6 addresses, routes. */
  readonly #outer: OuterEnds;
  /** Of this host's own network. */
  readonly #home: number;
  readonly #visit: NetworkVisit;
  readonly #links: readonly Link[];
  readonly #generation: number | undefined;
  readonly #name: string | undefined;
  readonly #undo: number[] = [];

  /** undefined: the tree has none of its own. Until it is disposed of this agent is in there. @throws GodwitError */
  static visit(
    pid: number,
    requests: readonly LinkRequest[],
    keeper: CutKeeper,
    warn: (text: string) => void,
  ): TravellingNetwork | undefined {
    return hasOtherNetwork(pid) ? new TravellingNetwork(pid, requests, keeper, warn) : undefined;
  }

  private constructor(
    pid: number,
    requests: readonly LinkRequest[],
    keeper: CutKeeper,
    warn: (text: string) => void,
  ) {
    this.#keeper = keeper;
    this.#warn = warn;
    const { image, blockers } = findNetwork(pid, requests);
    const [obstacle] = blockers;
    if (obstacle !== undefined)
      throw new GodwitError('REFUSED', `${obstacle.object}: ${obstacle.reason}`, { hint: obstacle.remedy });
    this.#name = image.name;
    this.#outer = outerEnds(pid);
    this.#home = openNetlink();
    try {
      this.#visit = NetworkVisit.of(pid);
    } catch (error) {
      closeLocal(this.#home);
      throw error;
    }
    this.#links = readLinks();
    this.#generation = rulesetGeneration();
  }

  get addresses(): readonly HostAddress[] {
    return ownAddresses();
  }

  /** As it is now; settings below /proc/sys are as they were when the visit began. Preconditions: the tree stands. */
  tables(): NetworkTables {
    if (!isDeepStrictEqual(readLinks(), this.#links))
      throw new GodwitError('REFUSED', 'the interfaces of its network change', { hint: 'try again' });
    const isChanged = rulesetGeneration() !== this.#generation;
    return { ...readTables(), ...(isChanged ? { ruleset: readRuleset() } : {}) };
  }

  /** Nothing comes in any more, and nothing goes out. The ways back go on the keeper's undo list first. @throws GodwitError KEEPER, SYSCALL */
  takeOff(): void {
    const { network } = this.#keeper;
    for (const { index, name, addresses, routes } of this.#outer) {
      // Routes of an interface need its addresses, and those that it is up: the newest goes back first.
      const ways = [
        ...routes.toReversed().map((entry) => network.undoRoute(messageOf(routeKind, entry))),
        ...addresses.toReversed().map((entry) => network.undoAddress(messageOf(addressKind, entry))),
        network.undoLink(linkMessage, placeMessage(index, undefined, true)),
      ];
      this.#undo.push(...ways.toReversed());
      const errno = order(linkMessage, placeMessage(index, undefined, false), 0, this.#home);
      if (errno < 0)
        throw new GodwitError(
          'SYSCALL',
          `interface ${name} of this host cannot be set down: ${errnoName(errno)}`,
        );
    }
  }

  /**
   * Its name went along, and its links: the kernel takes a namespace down in its own time, and until then the other ends keep their
   * addresses here, so that the tree could not come back at once. Preconditions: the tree has ended here.
   */
  forget(): void {
    this.leave();
    for (const { index } of this.#outer) removeLink(index); // -ENODEV: the kernel was faster
    const name = this.#name;
    const problem = name === undefined ? undefined : forgetNetwork(name);
    if (problem !== undefined) this.#warn(`its network keeps its name ${name ?? ''} here: ${problem}`);
  }

  /** Back to this host's own network. */
  leave(): void {
    this.#visit[Symbol.dispose]();
  }

  /** What is cut off until it is disposed of: to be done before the tree runs here again. */
  away(): Disposable & Pick<TravellingNetwork, 'takeOff'> {
    return {
      takeOff: () => {
        this.takeOff();
      },
      [Symbol.dispose]: () => {
        revertAll(this.#keeper, this.#undo, (why) => {
          this.#warn(`the network of the tree is not as it was: ${why}`);
        });
      },
    };
  }

  [Symbol.dispose](): void {
    this.leave();
    closeLocal(this.#home);
  }
}

type OuterEnds = readonly (Pick<Link, 'index' | 'name'> & ReturnType<typeof entriesOn>)[];

/** Preconditions: this agent is in its own network. */
function outerEnds(pid: number): OuterEnds {
  const home = new HomeNetwork(pid);
  return inNetworkOf(pid, () => readLinks())
    .flatMap((link) => home.outerOf(link) ?? [])
    .filter(({ flags }) => (flags & iff.up) !== 0)
    .map(({ index, name }) => ({ index, name, ...entriesOn(index) }));
}
