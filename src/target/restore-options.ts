// What the restorer of open files is given, and what it gives back.
import type { FileIdentity } from '../images/memory.ts';
import type { OpenFile } from '../images/state.ts';
import { Program } from '../kernel/program.ts';
import type { LateRecord } from '../kernel/struct-flock.ts';
import type { RemovedDirectories } from './removed-directories.ts';
import type { Inhabitants } from './resources/connect-context.ts';
import type { Runner, Speaker } from './resources/driver.ts';
import type { Together } from './resources/place.ts';
import type { Announce, UndoStep } from './resources/undo-log.ts';
import type { StandIns } from './stand-ins.ts';
import type { Terminals } from './terminals.ts';
import type { TreeRoot } from './tree-root.ts';

export interface RestoreOptions {
  readonly openFiles: readonly OpenFile[];
  /** By process; one without descriptors has an empty list. */
  readonly processes: Inhabitants;
  readonly shellOf: (vpid: number) => Runner;
  /** Default: one after the other. */
  readonly together?: Together;
  /** The agent's number of a task of the tree, zombies too. */
  readonly taskOf: (vpid: number) => number | undefined;
  /** Default: the shells that taskOf knows, and nobody else. */
  readonly standIns?: Pick<StandIns, 'actor' | 'anyone' | 'end'>;
  readonly warn?: (text: string) => void;
  /** Number under which every shell holds a pidfd of the agent. It is closed in the end. */
  readonly agentPidfd: number;
  readonly objectFd: (id: number) => number;
  /** Default: the agent's own mounts. */
  readonly root?: TreeRoot;
  readonly removedDirectories: Pick<RemovedDirectories, 'fdOf'>;
  /** Pairs that were claimed before. */
  readonly terminals?: Terminals;
  readonly fileOf: (index: number) => FileIdentity;
  /** Source and target have one boot ID: device and inode numbers mean the same. */
  readonly sameKernel: boolean;
  /** Why an open descriptor is not the file meant; default: mismatchOf, which may hash. */
  readonly mismatch?: (identity: FileIdentity, fd: number) => string | undefined;
  /** Nanoseconds that have passed for the tree since state.readAt. */
  readonly elapsed: () => bigint;
  /** Hears of each change outside the tree before it is made: the keeper's undo list. */
  readonly announce?: Announce;
  /** Default: no address comes along, and nothing is to be said. */
  readonly speaker?: Speaker;
}

export interface RestoredOpenFiles {
  readonly undoSteps: readonly UndoStep[];
  /** The migration failed before COMMIT: names go back to what they were. */
  undo(): void;
  /** What sees all that is done on this host, once nothing is left to be done. @throws GodwitError */
  watch(): void;
  /** The target owns the tree: what was put aside goes. */
  commit(): void;
  /**
   * Takes the locks of open files that the source still held (on shared storage). Returns how many are still missing:
   * call again later; `close` gives up.
   */
  takeLocks(): number;
  /** Record locks that the source still held: they must be taken by their processes. */
  readonly lateRecords: readonly LateRecord[];
  /** There is something for takeLocks, or for lateRecords. */
  readonly hasLateLocks: boolean;
  close(): void;
}

/** How errands are run. */
export function togetherOf({ together, shellOf }: RestoreOptions): Together {
  if (together !== undefined) return together;
  return (errands) => {
    for (const { vpid, build } of errands) {
      const program = new Program();
      const read = build(program);
      const outcome = shellOf(vpid).run(program);
      read?.(outcome);
    }
  };
}
