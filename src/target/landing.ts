// One tree on its way onto this host: the keeper that answers for it, the shells, their pages, and the way back until
// the source has committed. receive.ts tells when what happens; this file makes it happen.
import type { TreeLayout } from '../images/layout.ts';
import { updated, type LayoutUpdate } from '../images/layout-update.ts';
import type { TreeState } from '../images/state.ts';
import { asGodwitError, GodwitError } from '../errors.ts';
import { Fence } from '../kernel/fence.ts';
import { Journal } from '../kernel/journal.ts';
import type { Keeper } from '../kernel/keeper.ts';
import type { WaitingThread } from './apply/timed-waits.ts';
import { applyState } from './apply-state.ts';
import { finish } from './finish.ts';
import { handOverWaits } from './hand-over-waits.ts';
import { abortTarget, startKeeper } from './target-keeper.ts';
import { stagingRecord, type Landed, type LandingContext, type LandingPlan } from './landing-plan.ts';
import { takeLateLocks } from './late-locks.ts';
import type { RestoredOpenFiles } from './restore-options.ts';
import { hostsOf } from './moved-addresses.ts';
import type { Arrival } from './forwarding/arrival.ts';
import type { TreeNetwork } from './network/tree-network.ts';
import { pageContents } from './pages/page-contents.ts';
import { PageWriter } from './pages/page-writer.ts';
import { idsOf, needsNewNamespace } from './pid-namespace.ts';
import { MissingMemory } from './post-copy/missing-memory.ts';
import { ShellTree, type Spawn } from './shell-tree.ts';
import { observerOf } from './space-observer.ts';
import { segmentsHere, speakerFor } from './speaker.ts';
import type { SysvUndo } from './sysv/make.ts';
import { Stopwatch, type Times } from './stopwatch.ts';
import { treeClock, type TreeClock } from './time-namespace.ts';

/** Number of the agent's pidfd in every shell: small, for tables of descriptors are copied at each fork. */
const agentPidfd = 1000;

export class Landing {
  readonly #context: LandingContext;
  readonly #sameKernel: boolean;
  readonly #keeper: Keeper;
  readonly #journal: Journal;
  readonly #clock: TreeClock;
  readonly #sysvUndo: SysvUndo;
  readonly #network: TreeNetwork | undefined;
  /** Connections that are forwarded to this host. */
  readonly forwarding: Arrival | undefined;
  readonly #tree: ShellTree;
  readonly #writer: PageWriter;
  readonly #pages: ReturnType<LandingContext['openPages']>;
  readonly #staging = new Stopwatch();
  #openFiles: RestoredOpenFiles | undefined;
  #waiting: readonly WaitingThread[] = [];
  /** Addresses of the tree, as hostText writes them. */
  #hosts: ReadonlySet<string> = new Set();

  /** @throws GodwitError KEEPER, UNSUPPORTED */
  static async begin(plan: LandingPlan): Promise<Landing> {
    const clock = treeClock(plan.clocks.source, plan.clocks.here, plan.sameKernel);
    const keeper = await startKeeper(plan.context.migrationId);
    return new Landing(plan, clock, keeper);
  }

  private constructor(
    { context, sameKernel, pidNamespace, layout, network, forwarding }: LandingPlan,
    clock: TreeClock,
    keeper: Keeper,
  ) {
    this.#context = context;
    this.#sameKernel = sameKernel;
    this.#network = network;
    this.forwarding = forwarding;
    this.#clock = clock;
    this.#keeper = keeper;
    this.#journal = Journal.open(keeper.dir, context.migrationId, 'target');
    this.#journal.peerBootId = context.hello.bootId;
    const newPidNamespace = needsNewNamespace(pidNamespace, idsOf(layout));
    this.#journal.write('STAGING', stagingRecord(context, layout, newPidNamespace));
    this.#writer = new PageWriter({
      fd: (id) => this.#tree.objects.fd(id),
      memory: (id) => this.#tree.objects.memory(id),
    });
    const spawn: Spawn = (vpid, sid) => {
      const time = clock.offsets && { timeOffsets: clock.offsets };
      const { pid } = keeper.spawnShell({ vpid, sid, newPidNamespace, agentPidfd, ...time });
      return { vpid, sid, agentPidfd, pid };
    };
    this.#sysvUndo = {
      announce: (object) => keeper.undoSysv(object),
      drop: (number) => {
        keeper.drop(number);
      },
    };
    this.#tree = new ShellTree(spawn, sameKernel, observerOf(this.#writer), this.#sysvUndo);
    this.#pages = context.openPages({
      ...pageContents(this.#writer),
      handler: (frame) => {
        this.#writer.write(frame);
      },
    });
  }

  /** What the source means by an update. @throws GodwitError PROTOCOL */
  updated(update: LayoutUpdate): TreeLayout {
    return updated(this.#tree.layout, update);
  }

  /** The shells follow a layout. Returns milliseconds. @throws GodwitError PID_TAKEN, REFUSED, REMOTE_CALL */
  stage(layout: TreeLayout): number {
    return this.#staging.measure('stage', () => {
      this.#tree.follow(layout);
    });
  }

  /** Waits until the pages up to that frame are written. */
  async written(sequence: number): Promise<void> {
    await this.#pages.applied(sequence, this.#context.signal);
  }

  /**
   * Everything that was sent after the freeze; then the whole tree stands in a frozen cgroup, nobody traces it, and the
   * owner word says PREPARED; but for a rehearsal, which must not outlive this agent. `heldLocks`: the source holds locks that the tree
   * must have. @throws GodwitError
   */
  async prepare(
    state: TreeState,
    lastSequence: number,
    isRehearsal = false,
  ): Promise<{ readonly times: Times; readonly heldLocks: boolean }> {
    const watch = new Stopwatch();
    const { network } = state;
    if (network !== undefined) watch.measure('network', () => this.#network?.change(network));
    this.#hosts = this.#network?.hosts ?? hostsOf(state.addresses);
    this.forwarding?.know(state.openFiles);
    watch.measure('layout', () => {
      this.#tree.follow(state.layout);
    });
    await watch.measureAsync('pages', () => this.written(lastSequence));
    const now = (): bigint => process.hrtime.bigint() + this.#clock.ahead;
    using missing = MissingMemory.empty(this.#tree, state);
    watch.measure('apply', () => {
      this.#openFiles = applyState(this.#tree, state, {
        agentPidfd,
        sameKernel: this.#sameKernel,
        now,
        warn: (text) => {
          this.#context.log('warning', text);
        },
        announce: (step) => {
          const number = this.#keeper.undoName(step);
          return () => {
            this.#keeper.drop(number);
          };
        },
        sysvUndo: this.#sysvUndo,
        speaker: speakerFor(this.#keeper.network, state.addresses, this.#network, this.forwarding),
        dropped: (vpid, runs) => {
          this.#writer.dropped(vpid, { runs: Float64Array.from(runs), count: runs.length / 2 });
        },
      });
    });
    watch.measure('fence', () => {
      using fence = Fence.at(this.#keeper.status().fence ?? '');
      missing.guard(this.#keeper.postCopy);
      this.#waiting = finish(this.#tree, state, fence, now);
      this.#openFiles?.watch();
      const hasKept = isRehearsal || this.#keeper.word.change('STAGING', 'PREPARED');
      const reason = `the keeper of migration ${this.#context.migrationId} has given it up`;
      if (!hasKept) throw new GodwitError('KEEPER', reason);
    });
    this.#journal.write('PREPARED');
    return {
      times: { staging: this.#staging.times['stage'] ?? 0, ...watch.times },
      heldLocks: this.#openFiles?.hasLateLocks === true,
    };
  }

  /** The source has committed. `segments`: came for its connections meanwhile. @throws GodwitError KEEPER: the tree is dead */
  async run(segments?: Uint8Array): Promise<Landed> {
    const watch = new Stopwatch();
    let ranAt = 0;
    if (this.#openFiles?.hasLateLocks === true) {
      const files = this.#openFiles;
      const problem = await watch.measureAsync('locks', () => takeLateLocks(this.#tree, files, this.#keeper));
      if (problem !== undefined)
        this.#context.log('warning', `migration ${this.#context.migrationId}: ${problem}`);
    }
    watch.measure('run', () => {
      if (segments !== undefined) this.#deliver(segments, 'saySegments');
      const { unsaid, ranMs } = this.#keeper.run();
      ranAt = performance.now() - ranMs;
      this.forwarding?.begin(segments);
      if (unsaid !== '') this.#context.log('warning', `connections may be lost: ${unsaid}`);
    });
    this.#journal.write('RUNNING');
    return { times: watch.times, ranAt };
  }

  /** Segments that came to the source after it has committed. */
  bring(segments: Uint8Array): void {
    this.forwarding?.bring(segments);
    this.#deliver(segments, 'bring');
  }

  /** After COMMIT nothing may keep the tree from running: what is lost is sent again by whoever has sent it. */
  #deliver(segments: Uint8Array, how: 'saySegments' | 'bring'): void {
    try {
      if (this.#hosts.size > 0) this.#keeper.network[how](segmentsHere(segments, this.#hosts));
    } catch (error) {
      this.#context.log('warning', `TCP segments are lost: ${asGodwitError(error).message}`);
    }
  }

  /** What can wait until the tree runs. */
  async cleanUp(): Promise<void> {
    const nameless = this.#network?.takeName();
    if (nameless !== undefined) this.#context.log('warning', `its network has no name here: ${nameless}`);
    this.#writer.close();
    this.#tree.close();
    this.#openFiles?.commit();
    this.#openFiles?.close();
    await handOverWaits(this.#keeper.dir, this.#waiting, this.#clock.ahead);
  }

  /** Lets the prepared tree stand: `resolve` will tell what becomes of it. */
  async stand(): Promise<void> {
    this.#journal.write('IN_DOUBT');
    this.#writer.close();
    this.#tree.close();
    await this.leave();
  }

  /** Nothing of the tree stays. Before PREPARED, or when the source has aborted. */
  async abandon(reason: string): Promise<void> {
    // First of all: should this agent die in the midst of it, the keeper must not hold a PREPARED tree of dead processes.
    const { word } = this.#keeper;
    if (!word.change('STAGING', 'ABORTED')) word.change('PREPARED', 'ABORTED');
    this.#pages.close();
    this.#writer.close();
    this.#tree.destroy();
    this.#openFiles?.undo();
    this.#openFiles?.close();
    this.#journal.write('ABORTED', { reason });
    await abortTarget(this.#keeper);
    await this.leave();
  }

  /** The keeper goes on alone: the source has nothing more to say to it. */
  async leave(): Promise<void> {
    this.#journal[Symbol.dispose]();
    await this.#keeper.close();
  }
}
