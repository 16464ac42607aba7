// The freeze: from the first instruction that the tree does not execute any more until it runs again, here or there.
//
//   fence.freeze()     the cgroup stops every task, also those being born; nothing can fork any more
//   stopTasks(all)     ptrace takes hold of each: their registers can be read
//   fence.thaw()       ptrace alone holds them now: no program runs in a frozen cgroup (kernel: the freezer catches them)
//   ... programs, dump ...
//   fence.freeze()     the fence: whatever happens to the agent, no task runs until somebody writes 0
import { GodwitError } from '../errors.ts';
import type { Flight, FlightFence } from './flight.ts';
import { stopTasks, suspendSeccomp, type Stopped } from './stopped.ts';
import { readThreads } from './tree.ts';

export class Frozen implements Disposable {
  readonly #fence: FlightFence;
  readonly #stopped: Stopped;
  #isFenced = false;
  #isGivenUp = false;

  private constructor(fence: FlightFence, stopped: Stopped) {
    this.#fence = fence;
    this.#stopped = stopped;
  }

  /** Stops every task of the tree. On failure all of them run on. */
  static freeze(flight: Flight, fence: FlightFence): Frozen {
    flight.timedWaits.sample(flight.living);
    flight.timedWaits.freezeBegins();
    fence.freeze();
    try {
      const pids = fence.pids();
      const tids = pids.flatMap((pid) => readThreads(pid).map(({ tid }) => tid));
      const stopped = stopTasks(tids, suspendSeccomp);
      if (stopped.tids.length === 0)
        throw new GodwitError('NO_PROCESS', 'every process of the tree has ended');
      return new Frozen(fence, stopped);
    } finally {
      fence.thaw();
    }
  }

  /** From here on the tree cannot run without somebody thawing its cgroup, also if this process dies. */
  fence(): void {
    this.#fence.freeze();
    this.#isFenced = true;
  }

  /** COMMIT was won: whatever happens from here on, the tree does not run here again. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** Lets go of the tasks; behind the fence they still do not run. */
  detach(): void {
    this.#stopped[Symbol.dispose]();
  }

  /** Every task goes on, exactly where it was; after giveUp they stay behind the fence. */
  [Symbol.dispose](): void {
    this.#stopped[Symbol.dispose]();
    if (this.#isFenced && !this.#isGivenUp) this.#fence.thaw();
  }
}
