// What a driver of one kind of open file is on the target, and what it is given. No mechanics.
import type { FileIdentity } from '../../images/memory.ts';
import type { ResourceImage, ResourceKind } from '../../images/resources/registry.ts';
import type { OpenFile } from '../../images/state.ts';
import type { Outcome, Program } from '../../kernel/program.ts';
import type { SilentConnection } from '../../kernel/keeper-network.ts';
import type { LateRecord } from '../../kernel/struct-flock.ts';
import type { ForwardNetwork } from '../forwarding/forward-network.ts';
import type { RemovedDirectories } from '../removed-directories.ts';
import type { Terminals } from '../terminals.ts';
import type { TreeRoot } from '../tree-root.ts';
import type { UndoLog } from './undo-log.ts';

/** Where programs run: a shell, or whatever stands for it. */
export interface Runner {
  run(program: Program): Outcome;
}

/** A process that can be made to act: what it makes bears its PID and credentials. */
export interface Actor extends Runner {
  /** As the agent sees it. */
  readonly pid: number;
  /** As the tree sees it. */
  readonly vpid: number;
}

/** Hears what sockets of the tree have to say when it runs. */
export interface Speaker {
  /** Addresses that come along, as hostText writes them. */
  readonly moving: ReadonlySet<string>;
  /** For connections whose addresses stay with the source. */
  readonly forwarded: Pick<ForwardNetwork, 'hosts' | 'openSocket'> | undefined;
  readonly connections: (connections: readonly SilentConnection[]) => void;
  /** Packets for sockets of this host (kernel/tcp-segment.ts). */
  readonly segments: (packets: readonly Uint8Array[]) => void;
}

/** What drivers may ask while they open. */
export interface OpenContext {
  readonly openFiles: readonly OpenFile[];
  readonly root: TreeRoot;
  readonly removedDirectories: Pick<RemovedDirectories, 'fdOf'>;
  /** The agent's descriptor of a shared memory object. */
  readonly objectFd: (id: number) => number;
  /** The agent's number of a task of the tree, zombies too. */
  readonly taskOf: (vpid: number) => number | undefined;
  /** The process with that PID, or one for a moment that stands in for it; undefined: there is none but the agent. */
  readonly actor: (vpid: number) => Actor | undefined;
  /** A process of the tree's PID namespace that ends before the tree runs; undefined: there is none but the agent's. */
  readonly anyone: () => Actor | undefined;
  /** Number under which every actor and process holds a pidfd of the agent, until descriptors are in their place. */
  readonly agentPidfd: number;
  readonly warn: (text: string) => void;
  readonly fileOf: (index: number) => FileIdentity;
  /** Why a descriptor of the agent is not the file that the source means. */
  readonly mismatch: (identity: FileIdentity, fd: number) => string | undefined;
  /** Nanoseconds that have passed for the tree since its timers were read. */
  readonly elapsed: () => bigint;
  readonly undo: UndoLog;
  readonly terminals: Terminals;
  readonly runner: (vpid: number) => Runner;
  /** Locks that somebody else (the source, until its end) still holds: taken later. */
  readonly lockLater: (fd: number, take: () => number) => void;
  /** Runs when the whole tree stands in its frozen cgroup, by itself, and before this host owns it; `fd`: the agent's, open until then. */
  readonly watchLast: (fd: number, act: () => void) => void;
  /** Runs when every file is open in the agent and no process has any yet: what needs the descriptors of others. */
  readonly whenOpen: (act: (fdOf: (file: number) => number) => void) => void;
  /** What sockets have to say when the tree runs. */
  readonly speaker: Speaker;
  /** Closes a descriptor of the agent when everything is in its place. */
  readonly closeLater: (fd: number) => void;
  /** Kept by drivers whose files come in groups: pipes by inode, unix sockets by file. Keyed by driver. */
  readonly shared: <T>(key: object, make: () => T) => T;
}

/** A number under which a process has a file. */
export interface Place {
  readonly vpid: number;
  readonly fd: number;
}

/** What drivers may ask when everything is open and in its place. */
export interface ConnectContext {
  readonly runner: (vpid: number) => Runner;
  /** Where a file is, process by process. */
  readonly placesOf: (file: number) => readonly Place[];
  /** The file under a number of a process. */
  readonly fileAt: (vpid: number, fd: number) => number | undefined;
  /** Adds calls that bring a file into the process under a free, high number; returns it. */
  readonly bring: (program: Program, vpid: number, file: number) => number;
  /** A record lock that somebody else (the source, until it has committed) still holds: taken later. */
  readonly recordLater: (record: LateRecord) => void;
}

export interface TargetDriver<K extends ResourceKind> {
  /** Creates it in the agent, looking at no other file's descriptor. Returns the agent's descriptor. @throws GodwitError */
  open(image: ResourceImage<K>, file: OpenFile, context: OpenContext): number;
  /** What must run in a process that has it. */
  connect?(image: ResourceImage<K>, file: OpenFile, context: ConnectContext): void;
}
