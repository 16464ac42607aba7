// Rounds of pages while the tree runs, until the policy (converge.ts) says that it is time to freeze.
import { decide, forecast, type FixedCosts, type Goals, type Round } from './converge.ts';
import { addCounters, newCounters, type PageCounters } from './pages/page-sink.ts';
import type { Observer } from './report.ts';
import { copyRound, type RoundContext } from './rounds.ts';

const ackTimeoutMs = 120_000;

export interface PreCopied {
  readonly reason: string;
  readonly predictedDowntimeMs: number;
}

export class PreCopy {
  readonly totals: PageCounters = newCounters();
  readonly #context: RoundContext;
  readonly #observer: Observer;
  readonly #rounds: Round[] = [];

  constructor(context: RoundContext, observer: Observer) {
    this.#context = context;
    this.#observer = observer;
  }

  get rounds(): readonly Round[] {
    return this.#rounds;
  }

  async run(goals: Goals, costs: FixedCosts): Promise<PreCopied> {
    for (;;) {
      await this.#round(costs);
      const decision = decide(this.#rounds, costs, goals);
      if (!decision.freeze) continue;
      const { downtimeMs } = forecast(this.#rounds, costs);
      return { reason: decision.reason, predictedDowntimeMs: downtimeMs };
    }
  }

  /** One more, after something else has taken time. */
  async again(costs: FixedCosts): Promise<void> {
    await this.#round(costs);
  }

  /** One round, from the look at the tree to the target's word that all of it is written. */
  async #round(costs: FixedCosts): Promise<void> {
    const { wire } = this.#context;
    wire.signal.throwIfAborted();
    const began = performance.now();
    const number = this.#rounds.length;
    const copied = await copyRound(this.#context, number, false);
    await wire.pages.flush();
    wire.control.send({ type: 'round-end', round: number, lastSequence: wire.pages.lastSequence });
    await wire.control.expect('round-acked', { timeoutMs: ackTimeoutMs, signal: wire.signal });
    const { pages, bytes, owedBytes } = copied;
    const round = { number, pages, bytes, owedBytes, ms: performance.now() - began };
    this.#rounds.push(round);
    addCounters(this.totals, copied);
    const { bytesPerSecond, dirtyBytesPerSecond, downtimeMs } = forecast(this.#rounds, costs);
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
    });
  }
}
