// A connection in the place of one that broke: dialled again and again until it stands, the peer has no more use for it, or time is up.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { PageSeal } from './page-keys.ts';

/** Called in the tick in which the WebSocket opens, so that no message is missed. */
export type Attach<T> = (ws: WebSocket, socket: Socket, seal?: PageSeal) => T;

/** @throws GodwitError it does not come back */
export type Redial = (attach: Attach<void>) => Promise<void>;

/** Milliseconds for one attempt: a host that comes back should not be waited for by an attempt from before. */
export const attemptMs = 5000;
const firstPauseMs = 50;
const mostPauseMs = 1000;

export interface RedialOptions {
  /** Milliseconds from the first attempt to the beginning of the last. */
  readonly forMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether another attempt may end otherwise. */
  readonly isPassing: (error: unknown) => boolean;
}

/** @throws what the last attempt did, or the signal's reason */
export async function redial(
  attempt: () => Promise<void>,
  { forMs, signal, isPassing }: RedialOptions,
): Promise<void> {
  const until = performance.now() + forMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, mostPauseMs)) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (signal?.aborted === true || !isPassing(error) || performance.now() + pauseMs > until) throw error;
    }
    await sleep(pauseMs, undefined, signal && { signal });
  }
}
