// Rounds of pages while the tree runs, until the policy (converge.ts) says that it is time to freeze.
import { GodwitError } from '../errors.ts';
import {
  decide,
  forecast,
  isWorthAnother,
  mostAgain,
  type FixedCosts,
  type Forecast,
  type Goals,
} from './converge.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import type { Observer } from './report.ts';
import { copyRound, type RoundContext } from './rounds.ts';
import type { Slowing } from './slow-writers.ts';
import type { StagedLayout } from './staged-layout.ts';
import type { SlowedRound } from './throttle-policy.ts';
import type { VmasOf, Wire } from './wire.ts';

const ackTimeoutMs = 120_000;

export interface PreCopied {
  readonly reason: string;
  /** What may follow later does. */
  readonly postCopy: boolean;
}

/** Rounds that go to a target. */
export interface FlightContext extends RoundContext {
  readonly wire: Wire;
  readonly staged: StagedLayout;
}

/** What a freeze costs, by the mappings of the last round. */
export type CostsOf = (vmasOf: VmasOf) => FixedCosts;

export class PreCopy {
  readonly totals: PageCounters = newCounters();
  readonly #context: FlightContext;
  readonly #observer: Observer;
  readonly #costsOf: CostsOf;
  readonly #slowing: Slowing;
  readonly #rounds: SlowedRound[] = [];
  #endedAt = 0;
  #isPatient = false;
  #forecast: Forecast | undefined;

  constructor(context: FlightContext, observer: Observer, costsOf: CostsOf, slowing: Slowing) {
    this.#context = context;
    this.#costsOf = costsOf;
    this.#observer = observer;
    this.#slowing = slowing;
  }

  get rounds(): readonly SlowedRound[] {
    return this.#rounds;
  }

  /** @throws GodwitError NOT_CONVERGED */
  async run(goals: Goals, giveUp: (why: GodwitError) => void): Promise<PreCopied> {
    // A round may take much longer than is left.
    const { timeoutMs, onTimeout } = goals;
    const timer =
      timeoutMs === undefined || onTimeout !== 'cancel'
        ? undefined
        : setTimeout(() => {
            giveUp(notConverged(`the time for copying (${timeoutMs / 1000} s) is over`));
          }, timeoutMs);
    try {
      return await this.#untilDecided(goals);
    } finally {
      clearTimeout(timer);
    }
  }

  async #untilDecided(goals: Goals): Promise<PreCopied> {
    for (;;) {
      const costs = await this.#round();
      const decision = decide(this.#rounds, costs, { ...goals, isPatient: this.#isPatient });
      if (decision.action === 'copy') continue;
      if (decision.action === 'cancel') throw notConverged(decision.reason);
      const { reason, postCopy = false } = decision;
      return { reason, postCopy };
    }
  }

  /** One more, after something else has taken time. */
  async again(): Promise<void> {
    await this.#round();
  }

  /** The same as often as it shortens the freeze, which has been prepared meanwhile. */
  async againIfWorth({ maxRounds }: Pick<Goals, 'maxRounds'>): Promise<void> {
    const most = Math.min(maxRounds, this.#rounds.length + mostAgain);
    while (this.#rounds.length < most && isWorthAnother(this.#rounds, performance.now() - this.#endedAt))
      await this.#round();
  }

  /** As the last round has it. */
  predictedDowntimeMs(postCopy: boolean): number {
    return (postCopy ? this.#forecast?.postCopyDowntimeMs : this.#forecast?.downtimeMs) ?? 0;
  }

  /** One round, from the look at the tree to the target's word that all of it is written. */
  async #round(): Promise<FixedCosts> {
    const { wire } = this.#context;
    wire.signal.throwIfAborted();
    const began = performance.now();
    const mark = wire.flow.mark(wire.pages);
    const { bytesSent } = wire.pages;
    const number = this.#rounds.length;
    const throttle = this.#context.flight.throttle.share;
    const copied = await copyRound(this.#context, number, false);
    await wire.pages.flush();
    wire.control.send({ type: 'round-end', round: number, lastSequence: wire.pages.lastSequence });
    await wire.control.expect('round-acked', { timeoutMs: ackTimeoutMs, signal: wire.signal });
    const { pages, bytes, owedBytes, laterBytes } = copied;
    const ms = performance.now() - began;
    const unlimitedMs = wire.flow.unlimitedMs(mark);
    const sentBytes = wire.pages.bytesSent - bytesSent;
    const round = { number, pages, bytes, sentBytes, owedBytes, laterBytes, ms, unlimitedMs, throttle };
    this.#rounds.push(round);
    this.#endedAt = performance.now();
    addCounters(this.totals, copied);
    const costs = this.#costsOf(copied.vmasOf);
    const predicted = forecast(this.#rounds, costs);
    this.#forecast = predicted;
    this.#isPatient = this.#slowing.after(this.#rounds, copied, predicted, costs);
    const { bytesPerSecond, dirtyBytesPerSecond, downtimeMs } = predicted;
    this.#observer({
      kind: 'round',
      round: number,
      pages: round.pages,
      bytes: round.bytes,
      ms: round.ms,
      bytesPerSecond,
      dirtyBytesPerSecond,
      predictedDowntimeMs: downtimeMs,
      zeroPages: copied.zeroPages,
      throttle,
      flow: wire.flow.report(wire.pages, mark),
    });
    return costs;
  }
}

export function notConverged(reason: string): GodwitError {
  return new GodwitError('NOT_CONVERGED', reason, {
    hint: 'the tree runs on here; allow more with --max-downtime or --timeout, freeze anyway with --on-timeout force, or wait until it writes less',
  });
}
