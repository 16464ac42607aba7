// Those who wait until frames up to a sequence have been written.
import { asGodwitError } from '../errors.ts';
import type { GodwitError } from '../errors.ts';

interface Wait {
  readonly sequence: number;
  readonly resolve: () => void;
  readonly reject: (error: GodwitError) => void;
}

export class SequenceWaits {
  readonly #waits: Wait[] = [];

  /** @throws GodwitError what ended it, or the signal's reason */
  async until(sequence: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    let onAbort: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waits.push({ sequence, resolve, reject });
        onAbort = () => {
          reject(asGodwitError(signal?.reason));
        };
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  reached(sequence: number): void {
    for (let i = this.#waits.length - 1; i >= 0; i--) {
      const wait = this.#waits[i];
      if (wait === undefined || wait.sequence > sequence) continue;
      this.#waits.splice(i, 1);
      wait.resolve();
    }
  }

  end(reason: GodwitError): void {
    for (const { reject } of this.#waits.splice(0)) reject(reason);
  }
}
