// A network for connections whose address stays with the source: their sockets are in there, have the source's addresses, and keep both their
// ends. Its only way out is a tun device, whose other end is this agent: what they say goes to the source, which sends it on in its own
// name; what the source hears for them comes in here. It ends with the last of: this agent, and its sockets.
//
//   tree ── socket ── network with the source's addresses ── tun ── agent ── control connection ── source
import { GodwitError } from '../../errors.ts';
import type { Forwarding } from '../../images/forwarding.ts';
import { inNetwork, newNetwork } from '../../kernel/network-namespace.ts';
import { iff, readLinks, setLink } from '../../kernel/network/links.ts';
import { attribute, numberValue, openNetlink, order, orderFlags } from '../../kernel/netlink-messages.ts';
import { addressText } from '../../kernel/proc/inet-address.ts';
import { errnoName } from '../../kernel/program.ts';
import { addressMessage } from '../../kernel/rtnetlink.ts';
import { closeLocal, openSocket } from '../../kernel/socket-facts.ts';
import { afInet, afInet6, sockStream } from '../../kernel/socket-options.ts';
import { native } from '../../native.ts';

const device = 'godwit0';
const rtmNewaddr = 20;
const rtmNewroute = 24;
const rtaOif = 4;
/** rtm_table, rtm_protocol, rtm_scope and rtm_type of rtnetlink(7). */
const mainTable = 254;
const protocolBoot = 3;
const scopeLink = 253;
const unicast = 1;
const netlinkSockDiag = 4;
/** Sockets of one family are made so many at a time: each visit to the network costs two system calls. */
const batch = 64;

export class ForwardNetwork implements Disposable {
  /** The source's, as hostText writes them. */
  readonly hosts: ReadonlySet<string>;
  readonly tunnel: number;
  /** NETLINK_SOCK_DIAG, in there. */
  readonly diag: number;
  readonly #namespace: number;
  readonly #ready = new Map<number, number[]>();

  /** @throws GodwitError NO_RIGHTS, SYSCALL, UNSUPPORTED */
  static make(image: Forwarding): ForwardNetwork {
    const namespace = newNetwork();
    try {
      return inNetwork(namespace, () => new ForwardNetwork(image, namespace));
    } catch (error) {
      closeLocal(namespace);
      throw error;
    }
  }

  private constructor({ hosts, mtu }: Forwarding, namespace: number) {
    this.#namespace = namespace;
    this.tunnel = native.openTunnel(device);
    if (this.tunnel < 0)
      throw new GodwitError('UNSUPPORTED', `a tun device cannot be made: ${errnoName(this.tunnel)}`, {
        hint: 'modprobe tun; in a container /dev/net/tun must be there',
      });
    this.diag = openNetlink(netlinkSockDiag);
    try {
      this.hosts = new Set(furnish(hosts, mtu).map((host) => addressText(host)));
    } catch (error) {
      closeLocal(this.tunnel, this.diag);
      throw error;
    }
  }

  /** A stream socket in there. @throws GodwitError SYSCALL */
  openSocket(family: number): number {
    const ready = this.#ready.get(family) ?? [];
    this.#ready.set(family, ready);
    if (ready.length === 0)
      this.within(() => {
        for (let i = 0; i < batch; i++) ready.push(openSocket(family, sockStream, 0));
      });
    const fd = ready.pop();
    if (fd === undefined) throw new GodwitError('SYSCALL', 'no socket could be made');
    return fd;
  }

  within<T>(work: () => T): T {
    return inNetwork(this.#namespace, work);
  }

  /** Sockets that nobody has taken. */
  closeSpare(): void {
    for (const fds of this.#ready.values()) closeLocal(...fds.splice(0));
  }

  [Symbol.dispose](): void {
    this.closeSpare();
    closeLocal(this.tunnel, this.diag, this.#namespace);
  }
}

/** Returns the addresses that it has: not those of IPv6 where this host has none. Preconditions: in there. @throws GodwitError SYSCALL */
function furnish(hosts: readonly Uint8Array<ArrayBuffer>[], mtu: number): Uint8Array<ArrayBuffer>[] {
  const links = readLinks();
  const tun = links.find(({ name }) => name === device);
  if (tun === undefined) throw new GodwitError('SYSCALL', 'the tun device has gone');
  const loopback = links.find(({ name }) => name === 'lo');
  if (loopback !== undefined) expect(setLink(loopback.index, { flags: iff.up }), 'set up');
  expect(setLink(tun.index, { mtu, flags: iff.up }), 'set up');
  const familyOf = ({ length }: Uint8Array): number => (length === 4 ? afInet : afInet6);
  const given = hosts.filter((address) => {
    const family = familyOf(address);
    const message = addressMessage({
      family,
      address,
      prefix: 8 * address.length,
      scope: 0,
      interfaceIndex: tun.index,
      broadcast: undefined,
    });
    const errno = order(rtmNewaddr, message, orderFlags.create | orderFlags.exclusive);
    if (errno < 0 && family === afInet6) return false;
    expect(errno, 'given an address');
    return true;
  });
  for (const family of new Set(given.map(familyOf))) {
    const everywhere = Uint8Array.of(
      family,
      0,
      0,
      0,
      mainTable,
      protocolBoot,
      scopeLink,
      unicast,
      0,
      0,
      0,
      0,
    );
    const route = Buffer.concat([everywhere, attribute(rtaOif, numberValue(tun.index))]);
    expect(order(rtmNewroute, route, orderFlags.create), 'given a route');
  }
  return given;
}

function expect(errno: number, what: string): void {
  if (errno < 0)
    throw new GodwitError(
      'SYSCALL',
      `the network of forwarded connections cannot be ${what}: ${errnoName(errno)}`,
    );
}
