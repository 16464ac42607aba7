// Frames that have left and are not acknowledged. Where a broken link may come back, their memory is kept until the target has written
// them, for they may have to leave again; else only until the kernel has taken their bytes.
import type { Departure } from './departures.ts';

interface Sent {
  readonly departure: Departure;
  isTaken: boolean;
  isDone: boolean;
}

export class SentFrames {
  readonly #frames: Sent[] = [];
  #keeps: boolean;

  constructor(keeps: boolean) {
    this.#keeps = keeps;
  }

  /** Returns what is to be called when the kernel has taken it. */
  add(departure: Departure): () => void {
    const sent: Sent = { departure, isTaken: false, isDone: false };
    this.#frames.push(sent);
    return () => {
      sent.isTaken = true;
      if (!this.#keeps) finish(sent);
    };
  }

  acked(sequence: number): void {
    for (;;) {
      const first = this.#frames[0];
      if (first === undefined || first.departure.sequence > sequence) return;
      this.#frames.shift();
      finish(first);
    }
  }

  /** They will not leave again. */
  letGo(): void {
    this.#keeps = false;
    for (const sent of this.#frames) if (sent.isTaken) finish(sent);
  }

  /** Those that the target does not have. */
  get missing(): readonly Departure[] {
    return this.#frames.map(({ departure }) => departure);
  }
}

function finish(sent: Sent): void {
  if (sent.isDone) return;
  sent.isDone = true;
  sent.departure.done();
}
