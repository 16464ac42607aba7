// All open files of a tree at one moment, with the ways in which drivers look for others.
import type { Descriptor } from '../../images/state.ts';
import { MembershipReader } from '../../kernel/memberships.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { readTids } from '../../kernel/proc/task.ts';
import { readChildren } from '../../kernel/proc/children.ts';
import { once } from '../once.ts';
import { sharesWithParent } from '../sharing.ts';
import { unixSockets, type UnixSocketInfo } from '../../kernel/sockets.ts';
import type { DriverContext, OpenFileOptions } from './driver.ts';
import type { FileNames } from './file-names.ts';
import { OpenFileGroups } from './identity.ts';
import type { InFlight } from './in-flight.ts';
import { queueKey } from './mqueue-facts.ts';
import type { OutsideHolders } from './outside.ts';
import { readDescriptors, type OpenFileGroup, type ProcessRef } from './seen-file.ts';
import { TcpConnections } from './tcp-connections.ts';
import { terminalPairs } from './terminal-pairs.ts';
import type { Thief } from './thief.ts';
import { unlessGone } from './unless-gone.ts';

export class TreeFiles {
  readonly groups: readonly OpenFileGroup[];
  readonly #inFlight: InFlight;
  readonly #processes: readonly ProcessRef[];
  readonly #byNumber = new Map<string, OpenFileGroup>();
  readonly #byLink: ReadonlyMap<string, OpenFileGroup[]>;
  readonly #byInode: ReadonlyMap<number | undefined, OpenFileGroup[]>;

  private constructor(
    processes: readonly ProcessRef[],
    groups: readonly OpenFileGroup[],
    inFlight: InFlight,
  ) {
    this.groups = groups;
    this.#inFlight = inFlight;
    this.#processes = processes;
    for (const group of groups) {
      for (const { process, fd } of group.holders) this.#byNumber.set(`${process.pid}:${fd}`, group);
    }
    this.#byLink = groupBy(groups, ({ first }) => first.link);
    this.#byInode = groupBy(groups, ({ first }) => first.info.ino);
  }

  /**
   * Descriptors of processes, and what is in flight in sockets among them. A descriptor table that processes have in common (CLONE_FILES)
   * is its first process's, which is the parent of the others.
   */
  static read(processes: readonly ProcessRef[], inFlight: InFlight): TreeFiles {
    const groups = new OpenFileGroups();
    const owners = processes.filter((process) => !sharesWithParent('descriptors', process));
    for (const process of owners) for (const file of readDescriptors(process)) groups.add(file);
    inFlight.gather(groups);
    return new TreeFiles(processes, groups.list, inFlight);
  }

  context(
    thief: Thief,
    names: FileNames,
    options: OpenFileOptions,
    findOutside: (links: ReadonlySet<string>) => OutsideHolders,
  ): DriverContext {
    return {
      options,
      groups: this.groups,
      processes: this.#processes,
      inFlight: this.#inFlight,
      thief,
      names,
      vpidOf: (pid) => this.#vpidOf(pid),
      hasTask: (vpid) => this.#hasTask(vpid),
      insideOf: (pid) => this.#insideOf(pid),
      linkedTo: (link) => this.#byLink.get(link) ?? [],
      fileAt: (pid, fd) => this.#byNumber.get(`${pid}:${fd}`),
      withInode: (ino) => this.#byInode.get(ino) ?? [],
      connections: once(() => new TcpConnections(this.groups, thief, options)),
      memberships: once(() => new MembershipReader()),
      unix: once((): ReadonlyMap<number, UnixSocketInfo> => unixSockets()),
      outside: once(() => findOutside(this.#sharedLinks())),
    };
  }

  /** By vpid, each in ascending order. */
  descriptors(): Map<number, Descriptor[]> {
    const lists = new Map<number, Descriptor[]>(this.#processes.map(({ vpid }) => [vpid, []]));
    for (const { id, holders } of this.groups) {
      for (const file of holders) {
        lists.get(file.process.vpid)?.push({ fd: file.fd, file: id, closeOnExec: file.closeOnExec });
      }
    }
    for (const list of lists.values()) list.sort((a, b) => a.fd - b.fd);
    return lists;
  }

  /** Threads and zombies are not in the list: by what they belong to. */
  #vpidOf(pid: number): number | undefined {
    const own = this.#processes.find((process) => process.pid === pid);
    if (own !== undefined) return own.vpid;
    const status = readStatus(pid);
    const of = status?.tgid === pid ? status.ppid : status?.tgid;
    return this.#processes.some((process) => process.pid === of) ? status?.nsPid.at(-1) : undefined;
  }

  #hasTask(vpid: number): boolean {
    return this.#processes.some((process) => {
      if (process.vpid === vpid) return true;
      const others = [...(readTids(process.pid) ?? []), ...(readChildren(process.pid) ?? [])];
      return others.some((tid) => readStatus(tid)?.nsPid.at(-1) === vpid);
    });
  }

  #insideOf(pid: number): number {
    // Of who has ended in another PID namespace only the namespace itself would know the number.
    const isOneNamespace = this.#processes.every((process) => process.pid === process.vpid);
    return isOneNamespace ? pid : (this.#vpidOf(pid) ?? 0);
  }

  /** What processes outside may hold as well: pipes, FIFOs, message queues, and sockets with their peers. */
  #sharedLinks(): Set<string> {
    const links = new Set<string>(
      [...terminalPairs(this.groups).keys()].flatMap((key) => [`${key} master`, `${key} slave`]),
    );
    for (const { first } of this.groups) {
      if (
        first.link.startsWith('pipe:[') ||
        (first.isNamed && unlessGone(() => first.stat.isFIFO()) === true)
      )
        links.add(first.link);
      if (unlessGone(() => first.isMessageQueue) === true) links.add(queueKey(first));
      if (!first.link.startsWith('socket:[')) continue;
      links.add(first.link);
    }
    if ([...links].some((link) => link.startsWith('socket:['))) {
      for (const socket of unixSockets().values()) {
        if (links.has(`socket:[${socket.inode}]`) && socket.peerInode !== 0)
          links.add(`socket:[${socket.peerInode}]`);
      }
    }
    return links;
  }
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
