// Multicast groups that a socket has joined. The kernel has no list of them by socket; but it tells whether a socket is a
// member of a given group on a given interface, and with which source filter (MCAST_MSFILTER), so every group of
// the namespace is asked for. Numbers and layouts: linux/in.h (struct group_req, struct group_filter).
import { interfaceIndex } from './interfaces.ts';
import { runLocal } from './local-program.ts';
import { PreparedProgram } from './prepared-program.ts';
import { addressText } from './proc/inet-address.ts';
import { readMulticastGroups, type MulticastGroup } from './proc/igmp.ts';
import { errnoName, Program, type Result } from './program.ts';
import { afInet, afInet6, solIp, solIpv6 } from './socket-options.ts';
import { ask, type Question } from './socket-questions.ts';

const mcastJoinGroup = 42;
const mcastMsfilter = 48;
const storageLength = 128;
const groupAt = 8;
const modeAt = groupAt + storageLength;
const countAt = modeAt + 4;
const filterLength = countAt + 4;
/** MCAST_INCLUDE; MCAST_EXCLUDE is 0. */
const mcastInclude = 1;

export interface Membership {
  /** By name: its index is another one on another host. */
  readonly device: string;
  /** 4 or 16 bytes, as its sources. */
  readonly group: Uint8Array<ArrayBuffer>;
  /** Datagrams of these sources alone, or of all but these. */
  readonly mode: 'include' | 'exclude';
  readonly sources: Uint8Array<ArrayBuffer>[];
}

interface Questions {
  readonly prepared: PreparedProgram;
  readonly asked: readonly { readonly group: MulticastGroup; readonly question: Question }[];
}

/** Asks sockets for their groups; knows the groups of the namespace at the moment in which it is made. */
export class MembershipReader {
  readonly #groups: readonly MulticastGroup[];
  readonly #questions = new Map<number, Questions>();

  constructor(groups: readonly MulticastGroup[] = readMulticastGroups()) {
    this.#groups = groups;
  }

  /** Of a socket of the agent. */
  of(fd: number, domain: number): Membership[] {
    const { prepared, asked } = this.#questionsOf(domain);
    if (asked.length === 0) return [];
    const outcome = prepared.run(fd);
    return asked.flatMap(({ group, question }) => {
      // EADDRNOTAVAIL: it is no member.
      if (outcome.number(question.result) < 0) return [];
      const view = outcome.view(question.value);
      const count = view.getUint32(countAt, true);
      return [
        {
          device: group.device,
          group: group.address,
          mode: view.getUint32(modeAt, true) === mcastInclude ? ('include' as const) : ('exclude' as const),
          sources: count === 0 ? [] : readSources(fd, group, count),
        },
      ];
    });
  }

  #questionsOf(domain: number): Questions {
    const known = this.#questions.get(domain);
    if (known !== undefined) return known;
    // A socket of IPv6 may be a member of groups of both kinds.
    const groups = this.#groups.filter(({ address }) => address.length === 4 || domain === afInet6);
    const asked: { group: MulticastGroup; question: Question }[] = [];
    const prepared = new PreparedProgram((program, fd) => {
      for (const group of groups) {
        const filter = filterOf(group.index, group.address, []);
        asked.push({ group, question: ask(program, fd, levelOf(group.address), mcastMsfilter, filter) });
      }
    });
    const made = { prepared, asked };
    this.#questions.set(domain, made);
    return made;
  }
}

/** Preconditions: the socket is a member, and nobody changes its filter. */
function readSources(
  fd: number,
  { index, address }: MulticastGroup,
  count: number,
): Uint8Array<ArrayBuffer>[] {
  const room = Array.from({ length: count }, () => new Uint8Array(address.length));
  const program = new Program();
  const filter = filterOf(index, address, room);
  const { value } = ask(program, fd, levelOf(address), mcastMsfilter, filter);
  const got = runLocal(program).bytes(value);
  return room.map((_, i) => {
    const at = filterLength + i * storageLength + hostAt(address.length);
    return got.slice(at, at + address.length);
  });
}

/**
 * Makes a socket of the agent a member. Before it is bound: no datagram that its filter would have held back waits in it then.
 * @returns what is in the way, in words; undefined: nothing.
 */
export function joinGroup(fd: number, membership: Membership): string | undefined {
  const { device, group, mode, sources } = membership;
  const index = interfaceIndex(fd, device);
  if (index === undefined) return `there is no network interface ${device}`;
  const program = new Program();
  const level = levelOf(group);
  const steps: Result[] = [];
  const request = program.bytes(filterOf(index, group, []).subarray(0, modeAt));
  steps.push(program.attempt('setsockopt', fd, level, mcastJoinGroup, request, modeAt));
  if (mode === 'include' || sources.length > 0) {
    const filter = filterOf(index, group, sources);
    new DataView(filter.buffer).setUint32(modeAt, mode === 'include' ? mcastInclude : 0, true);
    steps.push(program.attempt('setsockopt', fd, level, mcastMsfilter, program.bytes(filter), filter.length));
  }
  const outcome = runLocal(program);
  const failed = steps.map((step) => outcome.number(step)).find((result) => result < 0);
  return failed === undefined ? undefined : errnoName(failed);
}

/** "239.1.2.3 on eth0", for messages. */
export function membershipText({ group, device }: Membership): string {
  return `${addressText(group)} on ${device}`;
}

function levelOf(group: Uint8Array): number {
  return group.length === 4 ? solIp : solIpv6;
}

/** struct group_filter; struct group_req is the same up to the mode. */
function filterOf(index: number, group: Uint8Array, sources: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const filter = new Uint8Array(filterLength + sources.length * storageLength);
  const view = new DataView(filter.buffer);
  view.setUint32(0, index, true);
  filter.set(sockaddr(group), groupAt);
  view.setUint32(countAt, sources.length, true);
  for (const [i, source] of sources.entries()) filter.set(sockaddr(source), filterLength + i * storageLength);
  return filter;
}

function sockaddr(host: Uint8Array): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(28);
  address[0] = host.length === 4 ? afInet : afInet6;
  address.set(host, hostAt(host.length));
  return address;
}

/** Where the host stands in sockaddr_in and sockaddr_in6. */
function hostAt(length: number): number {
  return length === 4 ? 4 : 8;
}
