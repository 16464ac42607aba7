// What a driver of one kind of open file is on the source, and what it is given. No mechanics.
import type { ResourceImage, ResourceKind } from '../../images/resources/registry.ts';
import type { TcpConnectionImage } from '../../images/resources/tcp.ts';
import type { MembershipReader } from '../../kernel/memberships.ts';
import type { Outcome, Program } from '../../kernel/program.ts';
import type { LockedConnection } from '../../kernel/keeper-network.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import type { OptionValue } from '../../kernel/socket-options.ts';
import type { UnixSocketInfo } from '../../kernel/sockets.ts';
import type { QueueMessage } from '../../kernel/message-queues.ts';
import type { WaitingBytes } from '../../kernel/terminal-queues.ts';
import type { External } from '../externals.ts';
import type { FileIdentities } from '../file-identities.ts';
import type { FileNames } from './file-names.ts';
import type { OutsideHolders } from './outside.ts';
import type { OpenFileGroup, ProcessRef, SeenFile } from './seen-file.ts';
import type { Thief } from './thief.ts';
import type { CarryingQueue } from './unix-queue.ts';

/** Why an open file cannot be carried, and what can be done about it. */
export interface Refusal {
  readonly reason: string;
  readonly remedy: string;
}

/** How TCP connections are kept still. */
export interface ConnectionLocker {
  /** Until it is known where the tree runs, all or none; `fds`: the agent's copies. @throws GodwitError KEEPER */
  lock(fds: readonly number[]): readonly LockedConnection[];
  /** The same for a listening socket; once for each. */
  lockListener(fd: number, inode: number): void;
  /** From now on no program runs in the tree: should this agent die, it stands until its connections are as they were. */
  fence(): void;
}

/** TCP connections of the tree. */
export interface ConnectionPairs {
  /** The open file of the tree that is the other end. */
  peerOf(facts: Pick<SocketFacts, 'local' | 'remote'>): OpenFileGroup | undefined;
  /** Its address moves along, or stays and is forwarded, and its other end is on another host. */
  isWithOthers(facts: Pick<SocketFacts, 'local' | 'remote'>): boolean;
  /** Once: nothing reaches listening sockets any more. @throws GodwitError REFUSED */
  lockListeners(locks: ConnectionLocker): void;
  /** All are locked and read when the first one is asked for. Preconditions: no process of the tree runs. @throws GodwitError REFUSED */
  dump(group: OpenFileGroup, locks: ConnectionLocker): DumpedConnection;
}

export interface DumpedConnection {
  readonly connection: TcpConnectionImage;
  readonly options: readonly OptionValue[];
}

export interface OpenFileOptions {
  /** --tcp-close: connections are dropped instead of refused. */
  readonly tcpClose: boolean;
  /** --skip-in-flight, or --tcp-close: connections that wait to be accepted are dropped instead of refused. */
  readonly skipInFlight: boolean;
  /** Addresses that move along (--move-ip), as `hostText` writes them. */
  readonly moving: ReadonlySet<string>;
  /** Addresses that stay, while connections to them are forwarded (--keep-connections forward). */
  readonly forwarded: ReadonlySet<string>;
  /** --external, --inherit-fd: what the tree gets in the place of what stays behind. */
  readonly externals: readonly External[];
}

/** Open files on their way in queues of sockets. */
export interface FilesInFlight {
  /** There are some that only the freeze will show: what seems to be open nowhere may be one of them. */
  readonly hasUnseen: boolean;
  /** What waits in a socket of a type. Of a tree that runs: nothing but what was found in flight. @throws GodwitError REFUSED */
  queueOf(group: OpenFileGroup, fd: number, type: number): CarryingQueue;
}

/** What drivers may look at, in the survey and in the freeze. */
export interface DriverContext {
  readonly options: OpenFileOptions;
  readonly thief: Thief;
  /** Descriptors on their way in queues of sockets. */
  readonly inFlight: FilesInFlight;
  /** Everything that is open. */
  readonly groups: readonly OpenFileGroup[];
  readonly processes: readonly ProcessRef[];
  /** The open files whose descriptors link to this ("pipe:[123]", "/a/file"). */
  readonly linkedTo: (link: string) => readonly OpenFileGroup[];
  /** The open file that a number of a process refers to. */
  readonly fileAt: (pid: number, fd: number) => OpenFileGroup | undefined;
  /** The open files with this inode number, on whatever device. */
  readonly withInode: (ino: number) => readonly OpenFileGroup[];
  readonly names: FileNames;
  /** The number of a task as the tree sees it; undefined: it is none of the tree's. */
  readonly vpidOf: (pid: number) => number | undefined;
  /** A task of the tree, zombies too, has that number in the tree's PID namespace. */
  readonly hasTask: (vpid: number) => boolean;
  /** The number that the tree sees where the agent sees `pid`, who may have ended or be a stranger; 0: none that can be told. */
  readonly insideOf: (pid: number) => number;
  /** Reads the multicast groups of sockets; those of the namespace are read once, when first asked for. */
  readonly memberships: () => MembershipReader;
  /** TCP connections of the tree by their ends; looked for once, when first asked for. */
  readonly connections: () => ConnectionPairs;
  /** Unix sockets of the host by inode; read once, when first asked for. */
  readonly unix: () => ReadonlyMap<number, UnixSocketInfo>;
  /** Who outside the tree holds pipes and sockets; reads every process of the host, so only in the survey. */
  readonly outside: () => OutsideHolders;
}

export interface DumpContext extends DriverContext {
  /** layout.files of the final state. */
  readonly files: FileIdentities;
  /** The id of the shared object that is open there; undefined: its content has not been read, and cannot be any more. */
  readonly objectOf: (file: SeenFile) => number | undefined;
  /** Runs a program in a process of the tree, by its PID as the agent sees it; absent while the tree runs. */
  readonly runIn: ((pid: number, program: Program) => Outcome) | undefined;
  /** Absent where nothing may be touched. */
  readonly locks?: ConnectionLocker | undefined;
  /** What waits in the pseudoterminal of a master; absent where nothing may be touched. */
  readonly terminalQueues?: TerminalQueuesOf | undefined;
  /** What waits in a message queue; absent where nothing may be touched. */
  readonly messages?: MessagesOf | undefined;
}

/** Preconditions: nobody uses the queue; its descriptor is open for reading and writing, and does not block. */
export type MessagesOf = (queue: number) => QueueMessage[];

/** Preconditions: nobody uses the terminal. */
export type TerminalQueuesOf = (master: number) => WaitingBytes;

/**
 * `matches` looks at link, mode and socket domain only. `survey` runs while the tree runs and finds all that `dump`
 * would refuse; `dump` runs in the freeze and must be quick. @throws GodwitError REFUSED from `dump`.
 */
export interface SourceDriver<K extends ResourceKind> {
  matches(file: SeenFile, thief: Thief): boolean;
  survey(group: OpenFileGroup, context: DriverContext): Refusal | undefined;
  dump(group: OpenFileGroup, context: DumpContext): ResourceImage<K>;
}
