// How a control connection whose link broke comes back: the end that has dialled dials again, the other one waits.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import type { Redial } from './redial.ts';

/** Of the end that dials. */
export interface Reconnect {
  readonly redial: Redial;
  readonly onBroken?: (reason: GodwitError) => void;
  readonly onWhole?: () => void;
}

export interface Break {
  readonly reason: GodwitError;
  /** Nothing came for too long: the peer may take notice of that much later. */
  readonly isSilence: boolean;
}

/** Milliseconds that the other end waits. */
export type Patience = (how: Break) => number;

interface Line {
  resume(ws: WebSocket, socket: Socket): void;
  end(reason: GodwitError): void;
}

export class Resuming {
  readonly #reconnect: Reconnect | undefined;
  #patience: Patience | undefined;
  #isForbidden = false;
  #timer: NodeJS.Timeout | undefined;
  #reason: GodwitError | undefined;

  constructor(reconnect: Reconnect | undefined) {
    this.#reconnect = reconnect;
  }

  /** Both sides know of it, and nothing stands against it. */
  get isAgreed(): boolean {
    return !this.#isForbidden && (this.#reconnect !== undefined || this.#patience !== undefined);
  }

  /** Why the link broke that is not whole now. */
  get reason(): GodwitError | undefined {
    return this.#reason;
  }

  wait(patience: Patience): void {
    this.#patience = patience;
  }

  forbid(): void {
    this.#isForbidden = true;
  }

  broke(how: Break, line: Line): void {
    const { reason } = how;
    this.over();
    this.#reason = reason;
    if (this.#reconnect === undefined) {
      this.#timer = setTimeout(
        () => {
          line.end(reason);
        },
        this.#patience?.(how) ?? 0,
      );
      return;
    }
    this.#reconnect.onBroken?.(reason);
    this.#reconnect
      .redial((ws, socket) => {
        line.resume(ws, socket);
      })
      .catch((error: unknown) => {
        line.end(notBack(reason, error));
      });
  }

  whole(): void {
    this.over();
    this.#reason = undefined;
    this.#reconnect?.onWhole?.();
  }

  over(): void {
    clearTimeout(this.#timer);
  }
}

/** Why it broke is what matters; why it did not come back is said behind it. */
export function notBack(reason: GodwitError, error: unknown): GodwitError {
  const message = `${reason.message}; no other connection took its place: ${asGodwitError(error).message}`;
  return new GodwitError(reason.code, message, {
    cause: error,
    ...(reason.hint !== undefined && { hint: reason.hint }),
  });
}
