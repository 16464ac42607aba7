// The freeze: from the first instruction that the tree does not execute any more until it runs again, here or there.
//
//   fence.freeze()     the cgroup stops every task, also those being born; nothing can fork any more
//   stopTasks(all)     ptrace takes hold of each: their registers can be read
//   fence.thaw()       ptrace alone holds them now: no program runs in a frozen cgroup (kernel: the freezer catches them)
//   ... programs, dump ...
//   fence.freeze()     the fence: whatever happens to the agent, no task runs until somebody writes 0
import { GodwitError } from '../errors.ts';
import type { Flight, FlightFence } from './flight.ts';
import { exitKill, Stopped, stopTasks, suspendSeccomp } from '../kernel/stopped.ts';
import { readTasks, sortByVfork, type Task } from './vfork.ts';

/** How long children of vfork get, each time, to execute a program or to end; usually it takes them less than a millisecond. */
const vforkMs = 1000;

export class Frozen implements Disposable {
  /** performance.now() when the freeze began. */
  readonly beganAt: number;
  readonly #fence: FlightFence;
  readonly #stopped: Stopped;
  #isFenced = false;
  #isGivenUp = false;

  private constructor(fence: FlightFence, stopped: Stopped, beganAt: number) {
    this.beganAt = beganAt;
    this.#fence = fence;
    this.#stopped = stopped;
  }

  /** Stops every task of the tree. On failure all of them run on. */
  static freeze(flight: Flight, fence: FlightFence): Frozen {
    flight.timedWaits.sample(flight.living);
    flight.throttle.end(); // as late as can be: from here on the writers run at their full speed
    const beganAt = performance.now();
    flight.timedWaits.freezeBegins();
    fence.freeze();
    flight.timedWaits.treeStands();
    const stopped = new Stopped([]);
    try {
      stopFrozen(fence, stopped);
      if (stopped.tids.length === 0)
        throw new GodwitError('NO_PROCESS', 'every process of the tree has ended');
      flight.stopRegisters.take(stopped.tids);
      return new Frozen(fence, stopped, beganAt);
    } catch (error) {
      stopped[Symbol.dispose]();
      throw error;
    } finally {
      fence.thaw();
    }
  }

  /** From here on the tree cannot run without somebody thawing its cgroup, also if this process dies; and no program runs in it. */
  fence(): void {
    if (this.#isFenced) return;
    this.#fence.freeze();
    this.#isFenced = true;
  }

  /** Should this process die meanwhile, the tree stands until the keeper has done what it was asked to. No program may run. */
  whileFenced<T>(work: () => T): T {
    if (this.#isFenced) return work();
    this.#fence.freeze();
    try {
      return work();
    } finally {
      this.#fence.thaw();
    }
  }

  /** COMMIT was won: whatever happens from here on, the tree does not run here again. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /**
   * Programs after COMMIT: none runs in a frozen cgroup, so ptrace alone holds the tasks meanwhile. Should this agent die there, they
   * die with it (PTRACE_O_EXITKILL): they must not run here again. Preconditions: giveUp.
   */
  whileUnfenced(work: () => void): void {
    if (!this.#isGivenUp || !this.#isFenced) throw new GodwitError('INTERNAL', 'the tree may still run here');
    if (!this.#stopped.setOptions(suspendSeccomp | exitKill)) return;
    this.#fence.thaw();
    try {
      work();
    } finally {
      this.#fenceOrKill();
      this.#stopped.setOptions(suspendSeccomp);
    }
  }

  #fenceOrKill(): void {
    try {
      this.#fence.freeze();
    } catch (error) {
      for (const tid of this.#stopped.tids) process.kill(tid, 'SIGKILL');
      throw error;
    }
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

/**
 * Stops every task of a frozen fence. Who waits in vfork can only be stopped when its child gives it back its memory: then all
 * others stand already, and the fence is thawed for that child alone, which the next turn stops. It stays frozen when this returns.
 */
export function stopFrozen(fence: Omit<FlightFence, 'rescan'>, stopped: Stopped): void {
  for (;;) {
    const running = readTasks(fence.pids()).filter(({ tid }) => !stopped.has(tid));
    const { waiting, free } = sortByVfork(running);
    stopped.merge(stopTasks(tidsOf(free), suspendSeccomp));
    if (waiting.length === 0) return;
    fence.thaw();
    stopped.merge(stopTasks(tidsOf(waiting), suspendSeccomp, vforkMs));
    fence.freeze();
  }
}

const tidsOf = (tasks: readonly Task[]): number[] => tasks.map(({ tid }) => tid);
