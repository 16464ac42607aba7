// Addresses that move along with the tree (--move-ip): taken off this host between PREPARED and COMMIT, given back by the keeper when
// the tree goes on here after all.
import { readFileSync } from 'node:fs';
import type { MovedAddress } from '../images/addresses.ts';
import type { Blocker } from '../images/requirements.ts';
import { interfaceName } from '../kernel/interfaces.ts';
import type { Keeper } from '../kernel/keeper.ts';
import { addressText } from '../kernel/proc/inet-address.ts';
import { may } from '../kernel/rights.ts';
import {
  hostAddresses,
  removeAddress,
  restoreMessage,
  routesOf,
  type HostAddress,
} from '../kernel/rtnetlink.ts';
import { isLoopback, plainHost } from '../kernel/socket-address.ts';
import { closeLocal, openSocket } from '../kernel/socket-facts.ts';
import { afInet, afInet6, sockDgram } from '../kernel/socket-options.ts';
import { blocker } from './blocker.ts';
import { revertAll } from './revert-all.ts';

/** ADDR[/DEV] of --move-ip. */
export interface MoveRequest {
  /** As the kernel's addresses are written (kernel/proc/inet-address.ts). */
  readonly address: string;
  /** Interface of the target. */
  readonly device: string | undefined;
}

/** Their addresses, as hostText writes them. */
export function movingHosts(moves: readonly MoveRequest[]): ReadonlySet<string> {
  return new Set(moves.map(({ address }) => address));
}

/** Those of the network that this agent is in, when all of it moves. */
export function ownAddresses(): HostAddress[] {
  return hostAddresses().filter((found) => !isLoopback(sockaddrOf(found)));
}

export function ownHosts(): ReadonlySet<string> {
  return new Set(ownAddresses().map(({ address }) => addressText(address)));
}

/** What of them cannot move. */
export function surveyAddresses(moves: readonly MoveRequest[]): Blocker[] {
  if (moves.length === 0) return [];
  const all = hostAddresses();
  return moves.flatMap(({ address }) => {
    const name = `address ${address}`;
    const found = findAddress(all, address);
    if (found === undefined)
      return [blocker(name, 'this host does not have it', 'ip addr lists those it has')];
    if (isLoopback(sockaddrOf(found)))
      return [blocker(name, 'every host has it for itself', 'give an address that others know')];
    if (!may('tcp-repair')) return [blocker(name, 'moving it needs CAP_NET_ADMIN', 'run migrate as root')];
    if (!found.isPermanent)
      return [
        blocker(
          name,
          'it was lent to this host for a time (DHCP, router advertisements), and would come back',
          'give the service an address of its own: ip addr add',
        ),
      ];
    const device = deviceOf(found);
    const takes = takenAlong(found, all).filter((other) => !movingHosts(moves).has(other));
    if (takes.length === 0 || isPromoting(device)) return [];
    const reason = `${takes.join(', ')} on ${device} would go with it: it came first in their network`;
    return [blocker(name, reason, `sysctl net.ipv4.conf.${device}.promote_secondaries=1`)];
  });
}

/** The agents would lose each other. `local`: the address of this one's end. */
export function surveyTalk(moves: readonly MoveRequest[], local: string | undefined): Blocker[] {
  if (local === undefined || !moves.some(({ address }) => address === plainHost(local))) return [];
  const reason = 'the two agents talk over it';
  return [
    blocker(`address ${local}`, reason, 'give --to an address that is reached from another one of this host'),
  ];
}

/** @throws GodwitError SYSCALL. Those that are not here any more are left out: the survey has told. */
export function movedAddresses(moves: readonly MoveRequest[]): MovedAddress[] {
  if (moves.length === 0) return [];
  const all = hostAddresses();
  return moves.flatMap(({ address: text, device: wanted }): MovedAddress[] => {
    const found = findAddress(all, text);
    if (found === undefined) return [];
    const { address, prefix, scope, broadcast } = found;
    const place = {
      address,
      prefix,
      scope,
      device: deviceOf(found),
      ...(wanted === undefined ? {} : { wanted }),
    };
    if (found.family === afInet6) return [{ family: afInet6, ...place }];
    return [{ family: afInet, ...place, ...(broadcast === undefined ? {} : { broadcast }) }];
  });
}

type AwayKeeper = Pick<Keeper, 'word'> & {
  readonly network: Pick<Keeper['network'], 'undoAddress' | 'undoRoute' | 'revert'>;
};

/** The addresses in one flight. */
export class MovingAddresses {
  /** In the kernel's order: one that came first in its network stands before those that go with it. */
  readonly #found: readonly HostAddress[];

  constructor(moves: readonly MoveRequest[]) {
    const all = moves.length === 0 ? [] : hostAddresses();
    const moving = movingHosts(moves);
    this.#found = all.filter(({ address }) => moving.has(addressText(address)));
  }

  get addresses(): readonly HostAddress[] {
    return this.#found;
  }
}

/** While the addresses are taken off this host. Where the tree is to run here, they come back before it does. */
export class AddressesAway implements Disposable {
  readonly #addresses: readonly HostAddress[];
  readonly #keeper: AwayKeeper;
  readonly #warn: (text: string) => void;
  /** On the keeper's undo list, in the order of their way back. */
  readonly #undo: number[] = [];

  constructor({ addresses }: MovingAddresses, keeper: AwayKeeper, warn: (text: string) => void) {
    this.#addresses = addresses;
    this.#keeper = keeper;
    this.#warn = warn;
  }

  /** Their ways back go on the keeper's undo list first. @throws GodwitError KEEPER, SYSCALL */
  takeOff(): void {
    if (this.#addresses.length === 0) return;
    const { network } = this.#keeper;
    const lastFirst = this.#addresses.toReversed(); // an undo goes by the newest
    const routes = routesOf(this.#addresses).map((route) => network.undoRoute(route));
    const ways = lastFirst.map((found) => network.undoAddress(restoreMessage(found)));
    this.#undo.push(...ways.toReversed(), ...routes.toReversed());
    for (const found of lastFirst) removeAddress(found);
  }

  [Symbol.dispose](): void {
    revertAll(this.#keeper, this.#undo, (why) => {
      this.#warn(`an address or route of this host did not come back: ${why}`);
    });
  }
}

function findAddress(all: readonly HostAddress[], text: string): HostAddress | undefined {
  return all.find(({ address }) => addressText(address) === text);
}

function sockaddrOf({ family, address }: HostAddress): Uint8Array {
  const sockaddr = new Uint8Array(28);
  sockaddr[0] = family;
  sockaddr.set(address, family === afInet ? 4 : 8);
  return sockaddr;
}

/** Texts of addresses that the kernel removes with this one. */
function takenAlong(found: HostAddress, all: readonly HostAddress[]): string[] {
  if (found.family !== afInet || found.isSecondary) return [];
  const network = (address: Uint8Array): bigint =>
    BigInt(new DataView(address.buffer, address.byteOffset).getUint32(0)) >> BigInt(32 - found.prefix);
  return all
    .filter(
      (other) =>
        other.isSecondary &&
        other.interfaceIndex === found.interfaceIndex &&
        other.prefix === found.prefix &&
        network(other.address) === network(found.address),
    )
    .map(({ address }) => addressText(address));
}

function isPromoting(device: string): boolean {
  return ['all', device].some((name) => {
    try {
      return readFileSync(`/proc/sys/net/ipv4/conf/${name}/promote_secondaries`, 'latin1').trim() === '1';
    } catch {
      return false; // the interface has just gone
    }
  });
}

function deviceOf({ interfaceIndex }: HostAddress): string {
  const fd = openSocket(afInet, sockDgram, 0);
  try {
    return interfaceName(fd, interfaceIndex) ?? String(interfaceIndex);
  } finally {
    closeLocal(fd);
  }
}
