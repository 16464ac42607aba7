// The keys that `receive` has given out: how many migrations each may still bring, and until when. A migration reserves a use and spends it
// when its tree belongs to this host; one that fails gives it back.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { formatKey, secretBytes } from '../../transport/transfer-key.ts';

export interface KeyRingOptions {
  readonly pin: Buffer;
  /** Migrations with one key. undefined: one, and the next key is made when it is spent. */
  readonly uses: number | undefined;
  /** Milliseconds; undefined: it does not expire. */
  readonly expiresMs: number | undefined;
  /** Called with each key, the first one included. */
  readonly onKey: (key: string) => void;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

/** One migration's. Either may be called once; what follows changes nothing. */
export interface KeyUse {
  /** Its tree belongs to this host. */
  spend(): void;
  /** It has failed. */
  giveBack(): void;
}

export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #now: () => number;
  #hash: Buffer = Buffer.alloc(0);
  #left = 0;
  #reserved = 0;
  #expiresAt = Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeyRingOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#next();
  }

  /** A sentence: why not. */
  reserve(secret: Buffer): KeyUse | string {
    if (!timingSafeEqual(hashOf(secret), this.#hash))
      return 'the key is not, or no longer, one of this target';
    if (this.#now() >= this.#expiresAt) return 'the key has expired';
    if (this.#left === 0) return 'the key has been used as often as it may be';
    if (this.#left === this.#reserved) return 'the key serves another migration at this moment';
    const mine = this.#hash;
    this.#reserved++;
    let isOver = false;
    const end = (spent: boolean): void => {
      if (isOver) return;
      isOver = true;
      if (mine !== this.#hash) return;
      this.#reserved--;
      if (!spent) return;
      this.#left--;
      if (this.#left === 0 && this.#options.uses === undefined) this.#next();
    };
    return {
      spend: () => {
        end(true);
      },
      giveBack: () => {
        end(false);
      },
    };
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #next(): void {
    const { pin, uses, expiresMs, onKey } = this.#options;
    const secret = randomBytes(secretBytes);
    this.#hash = hashOf(secret);
    this.#left = uses ?? 1;
    this.#reserved = 0;
    clearTimeout(this.#timer);
    if (expiresMs !== undefined) {
      this.#expiresAt = this.#now() + expiresMs;
      // Who asked for a number of uses gets no more of them by waiting.
      if (uses === undefined) {
        this.#timer = setTimeout(() => {
          this.#next();
        }, expiresMs);
        this.#timer.unref();
      }
    }
    onKey(formatKey({ pin, secret }));
  }
}

/** What may be kept and compared in the place of a secret. */
export function hashOf(secret: Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}
