// A tree in flight: what Godwit holds of it from the first look until the tree is gone or runs on as before. Each
// process gets scratch memory (remote programs) and a tracker; all of them stand in the fence's cgroups.
import { GodwitError } from '../errors.ts';
import type { TreeLayout } from '../images/layout.ts';
import { Program } from '../kernel/program.ts';
import type { Fence } from '../kernel/fence.ts';
import type { Keeper } from '../kernel/keeper.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { Layouts } from './layout.ts';
import { LiveProcess } from '../kernel/live-process.ts';
import type { FileIdentities } from './file-identities.ts';
import type { PageRuns } from '../kernel/page-runs.ts';
import { openUserfaultfd, takeOff, type FlyingProcess } from './flying-process.ts';
import { SpaceCopy } from './space-copy.ts';
import { readSeccomp } from './state/seccomp.ts';
import { StopRegisters } from './state/stop-registers.ts';
import { TimedWaits } from './state/timed-waits.ts';
import { stopTasks } from '../kernel/stopped.ts';
import { Throttle } from '../kernel/throttle.ts';
import { stopLeader } from './stop-leader.ts';
import { makeTracker, type ChosenTracker } from './trackers/choose.ts';
import { readFencedTree, type SourceProcess } from './tree.ts';
import { leftMemory, sortSharers, type Sharers } from './vfork.ts';

/** What a flight needs of its fence, and of its keeper. */
export type FlightFence = Pick<Fence, 'rescan' | 'pids' | 'freeze' | 'thaw'>;
export type FlightKeeper = Pick<Keeper, 'undoPoke'>;

export class Flight implements Disposable {
  readonly rootPid: number;
  readonly layouts: Layouts;
  readonly timedWaits = new TimedWaits();
  readonly stopRegisters = new StopRegisters();
  readonly throttle = new Throttle();
  readonly #fence: FlightFence;
  readonly #keeper: FlightKeeper;
  readonly #tracker: ChosenTracker;
  readonly #flying = new Map<number, FlyingProcess>();
  /** Copies of address spaces that exec has ended, until the process is taken aboard again. */
  readonly #replaced = new Map<number, FlyingProcess>();
  #processes: SourceProcess[] = [];
  #sharers: Sharers = { processes: [], memoryOf: new Map(), suspects: new Map() };
  #isAbandoned = false;

  constructor(
    rootPid: number,
    identities: FileIdentities,
    fence: FlightFence,
    keeper: FlightKeeper,
    tracker: ChosenTracker,
  ) {
    this.rootPid = rootPid;
    this.layouts = new Layouts(identities);
    this.#fence = fence;
    this.#keeper = keeper;
    this.#tracker = tracker;
  }

  get processes(): readonly SourceProcess[] {
    return this.#processes;
  }

  get root(): SourceProcess {
    const root = this.#processes.find(({ pid }) => pid === this.rootPid);
    if (root === undefined) throw new GodwitError('NO_PROCESS', `process ${this.rootPid} ended`);
    return root;
  }

  /** Processes with memory, parents first. */
  get living(): SourceProcess[] {
    return this.#processes.filter(({ zombie }) => zombie === undefined);
  }

  /** Processes with memory of their own, parents first. */
  get owners(): SourceProcess[] {
    return this.living.filter((process) => !this.#sharers.memoryOf.has(process));
  }

  /** Whose memory it has. */
  ownerOf(process: SourceProcess): SourceProcess {
    return this.#sharers.memoryOf.get(process) ?? process;
  }

  /** @throws GodwitError INTERNAL for a process that was not taken aboard. */
  of(process: SourceProcess): FlyingProcess {
    const flying = this.#flying.get(process.pid);
    if (flying === undefined) throw new GodwitError('INTERNAL', `process ${process.pid} is not aboard`);
    return flying;
  }

  /** Reads the tree again. Returns whom to take aboard: new processes. `frozen`: nobody runs, nor waits in vfork, any more. */
  refresh(frozen = false): SourceProcess[] {
    const seen = readFencedTree(this.rootPid, this.#fence, frozen);
    this.#sharers = sortSharers(seen, frozen ? undefined : this.#sharers.suspects);
    this.#processes = this.#sharers.processes;
    const present = new Map(this.living.map((process) => [process.pid, process]));
    for (const [pid, flying] of this.#flying) {
      const process = present.get(pid);
      const owner = process && this.#sharers.memoryOf.get(process)?.pid;
      // It ended, and another process may have its PID now; or it has executed a program: then its shell is ended and another born.
      const isSame = process?.startTime === flying.startTime;
      if (isSame && owner === flying.memoryOf) continue;
      if (isSame && this.#processes.some(({ parent }) => parent === process)) throw leftMemory(process);
      this.#leave(pid);
    }
    // A process on its way out looks as if it had executed another program, until it is seen to be gone.
    for (const [pid, { startTime }] of this.#replaced)
      if (present.get(pid)?.startTime !== startTime) this.#replaced.delete(pid);
    return this.living.filter(({ pid }) => !this.#flying.has(pid));
  }

  has(process: SourceProcess): boolean {
    return this.#processes.includes(process);
  }

  /** A process has ended since the last look: the flight goes on without it. */
  lose(process: SourceProcess): void {
    this.#processes = this.#processes.filter(
      (other) => other !== process && this.#sharers.memoryOf.get(other) !== process,
    );
    this.#leave(process.pid);
    this.#replaced.delete(process.pid);
    for (const child of this.#processes) {
      const flying = child.parent === process ? this.#flying.get(child.pid) : undefined;
      // There is no shell to clone its own from.
      if (flying !== undefined) this.#flying.set(child.pid, { ...flying, inherits: false });
    }
  }

  /**
   * Attaches to a process: one short stop of its leader. Preconditions: not attached yet. `isStopped`: the freeze holds
   * it already.
   */
  takeAboard(process: SourceProcess, isStopped: boolean): void {
    const { pid } = process;
    using _paused = this.throttle.pause();
    if (!isStopped) this.timedWaits.sample([process]);
    using stopped = isStopped ? undefined : stopLeader(process);
    if (stopped?.has(pid) === false) throw new GodwitError('NO_PROCESS', `process ${pid} ended`);
    if (stopped !== undefined) this.timedWaits.settle(pid, stopped.tids);
    readSeccomp({ pid, threads: process.threads.slice(0, 1) }); // refuses a supervised one before a page has moved
    const owner = this.#sharers.memoryOf.get(process);
    if (owner === undefined) this.#attach(process);
    else this.#attachTo(owner, process);
  }

  /** What it needs is in its memory already. */
  #attachTo(owner: SourceProcess, { pid, startTime }: SourceProcess): void {
    const { live, copy } = this.of(owner);
    this.#flying.set(pid, {
      startTime,
      live: live.sharedBy(pid),
      copy,
      memoryOf: owner.pid,
      inherits: false,
    });
    this.layouts.ours.set(pid, live.range);
  }

  #attach(process: SourceProcess): void {
    const { pid } = process;
    const live = LiveProcess.open(pid, pid);
    this.#keeper.undoPoke(pid, live.releaseAddress, 1, 4);
    const hide = new Program();
    live.hide(hide);
    live.run(hide);
    const parent = process.parent && this.#flying.get(process.parent.pid);
    const tracker = makeTracker(this.#tracker, pid, {
      obtainUserfaultfd: () => openUserfaultfd(live),
      whileStopped: (work) => {
        this.#whileStopped(process, work);
      },
    });
    const flying: FlyingProcess = {
      startTime: process.startTime,
      live,
      copy: new SpaceCopy(pid, process.vpid, tracker, this.#tracker.scans),
      // After exec nothing is shared any more, and the shell is there already.
      inherits: parent !== undefined && !this.#replaced.has(pid),
    };
    const old = this.#replaced.get(pid);
    if (old !== undefined) flying.copy.replace(old.copy);
    this.#replaced.delete(pid);
    this.#flying.set(pid, flying);
    this.layouts.ours.set(pid, live.range);
  }

  /** Some process has executed another program since the last look, and was not taken aboard again. */
  get hasReplaced(): boolean {
    return this.#replaced.size > 0;
  }

  /** The process has executed another program: everything that was attached is gone with its memory. */
  markReplaced(process: SourceProcess): void {
    const flying = this.of(process);
    this.#leave(process.pid);
    this.#replaced.set(process.pid, flying);
  }

  /** The target has mapped these afresh: what it held there is sent again. False: nobody flies with that space. */
  lost(space: number, ranges: PageRuns): boolean {
    const flying = this.#flying.get(this.living.find(({ vpid }) => vpid === space)?.pid ?? -1);
    flying?.copy.lost(ranges);
    return flying !== undefined;
  }

  /** The layout of these processes as the target is to see it. */
  layout(shown: readonly SourceProcess[], vmasOf: ReadonlyMap<number, readonly Vma[]>): TreeLayout {
    const inheriting = new Set([...this.#flying].filter(([, { inherits }]) => inherits).map(([pid]) => pid));
    return this.layouts.read(this.root, shown, vmasOf, inheriting, this.#sharers.memoryOf);
  }

  /** VMAs of everyone that has memory of its own, read now. */
  readVmas(): Map<number, readonly Vma[]> {
    return new Map(this.owners.map((process) => [process.pid, this.layouts.vmas(process)]));
  }

  /** The target owns the tree: nothing is taken off processes that will not run again. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  /** Takes everything off the processes, which run on as before. */
  [Symbol.dispose](): void {
    this.throttle.end();
    for (const [pid, { live, copy, memoryOf }] of this.#flying) {
      if (memoryOf !== undefined) continue;
      copy.close();
      if (!this.#isAbandoned) takeOff(pid, live);
    }
    this.#flying.clear();
  }

  /** A process is not aboard any more. */
  #leave(pid: number): void {
    const flying = this.#flying.get(pid);
    this.#flying.delete(pid);
    this.layouts.forget(pid);
    if (flying?.memoryOf === undefined) flying?.copy.close();
  }

  #whileStopped(process: SourceProcess, work: () => void): void {
    using _paused = this.throttle.pause();
    this.timedWaits.sample([process]);
    using stopped = stopTasks(process.threads.map(({ tid }) => tid));
    this.timedWaits.settle(process.pid, stopped.tids);
    work();
  }
}
