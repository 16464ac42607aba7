// Slows the writers of a tree down while its rounds do not converge (`--auto-converge`): carries out what throttle-policy.ts says.
import type { FixedCosts, Forecast, Goals } from './converge.ts';
import type { Flight } from './flight.ts';
import { mayStillSlow, nextThrottle, timeForPages, writersOf, type SlowedRound } from './throttle-policy.ts';
import type { SourceProcess } from './tree.ts';
import type { VmasOf } from './wire.ts';

/** What one round has copied, by whose memory it was. */
export interface Written {
  readonly vmasOf: VmasOf;
  /** Pages of its own memory that each process has written since the round before. New processes are left out. */
  readonly pagesOf: ReadonlyMap<SourceProcess, number>;
  /** Pages of memory that several may write. */
  readonly sharedPages: number;
}

export interface Slowing {
  /** What is measured so far; to be called after each round. Whether slowing may still help: rounds that gain nothing are none in vain. */
  after(rounds: readonly SlowedRound[], written: Written, forecast: Forecast, costs: FixedCosts): boolean;
}

export const noSlowing: Slowing = { after: () => false };

export class SlowWriters implements Slowing {
  readonly #flight: Flight;
  readonly #goals: Goals;
  /** PID and start time of those that have been slowed: they stay so, for what is slowed writes less and would look innocent. */
  readonly #slowed = new Set<string>();

  constructor(flight: Flight, goals: Goals) {
    this.#flight = flight;
    this.#goals = goals;
  }

  after(rounds: readonly SlowedRound[], written: Written, { copyMs }: Forecast, costs: FixedCosts): boolean {
    const { throttle } = this.#flight;
    const goalMs = timeForPages(this.#goals, costs);
    const share = nextThrottle(rounds, copyMs, goalMs);
    if (share > 0) throttle.slow(this.#writers(written), share);
    return mayStillSlow(rounds, copyMs, goalMs);
  }

  /** PIDs, in the tree's order. */
  #writers({ vmasOf, pagesOf, sharedPages }: Written): number[] {
    const flight = this.#flight;
    const pages = new Map(pagesOf);
    for (const process of flight.owners)
      if (vmasOf.get(process.pid)?.some(({ shared, write }) => shared && write) === true)
        pages.set(process, (pages.get(process) ?? 0) + sharedPages);
    for (const writer of writersOf(pages)) this.#slowed.add(nameOf(writer));
    return flight.living
      .filter((process) => this.#slowed.has(nameOf(flight.ownerOf(process))))
      .map(({ pid }) => pid);
  }
}

const nameOf = ({ pid, startTime }: SourceProcess): string => `${pid} ${startTime}`;
