// Messages that have arrived and the one caller that waits for the next. Once closed it still hands out what came
// before the end, then throws the reason.
import { asGodwitError, GodwitError } from '../errors.ts';
import { maxQueuedMessages } from './limits.ts';

export interface ReceiveOptions {
  /** Milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export class Inbox<M> {
  readonly #queue: M[] = [];
  #waiter: { readonly resolve: (message: M) => void; readonly reject: (error: unknown) => void } | undefined;
  #reason: GodwitError | undefined;

  /** Why it was closed. */
  get reason(): GodwitError | undefined {
    return this.#reason;
  }

  /** False: more wait than the protocol allows. */
  put(message: M): boolean {
    if (this.#waiter === undefined) return this.#queue.push(message) <= maxQueuedMessages;
    this.#waiter.resolve(message);
    this.#waiter = undefined;
    return true;
  }

  close(reason: GodwitError): void {
    this.#reason ??= reason;
    this.#waiter?.reject(reason);
    this.#waiter = undefined;
  }

  /** @param late makes the error for a timeout. @throws GodwitError that, the reason of the end, or of the signal */
  async take(options: ReceiveOptions, late: (timeoutMs: number) => GodwitError): Promise<M> {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    if (this.#reason !== undefined) throw this.#reason;
    if (this.#waiter !== undefined)
      throw new GodwitError('INTERNAL', 'two callers wait for a message of one connection');
    const { timeoutMs, signal } = options;
    if (signal?.aborted === true) throw asGodwitError(signal.reason);
    let timer: NodeJS.Timeout | undefined;
    const onAbort = (): void => {
      this.#waiter?.reject(asGodwitError(signal?.reason));
    };
    try {
      return await new Promise<M>((resolve, reject) => {
        this.#waiter = { resolve, reject };
        signal?.addEventListener('abort', onAbort, { once: true });
        if (timeoutMs === undefined) return;
        timer = setTimeout(() => {
          reject(late(timeoutMs));
        }, timeoutMs);
      });
    } finally {
      this.#waiter = undefined;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
