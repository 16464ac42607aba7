// Ctrl-C and its kin end what a verb does, in order: it hears of them by a signal, and the process stays until it is done.
import { GodwitError } from '../errors.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export class Cancelling implements Disposable {
  readonly #cancel = new AbortController();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.cancel(`cancelled by ${signal}`);
  };

  constructor() {
    for (const signal of signals) process.on(signal, this.#onSignal);
  }

  get signal(): AbortSignal {
    return this.#cancel.signal;
  }

  cancel(why: string): void {
    this.#cancel.abort(new GodwitError('CANCELLED', why));
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#onSignal);
  }
}
