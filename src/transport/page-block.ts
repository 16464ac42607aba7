// Blocks that pages are read into and sent from, and the pool that bounds how many are on their way.
import { headRoom, maxPagePayload } from './limits.ts';

/**
 * Gives memory for a block. It should begin at a page, which Node's does not: the kernel copies whole pages into memory
 * that lies askew three times slower (process_vm_readv 0.70 against 0.24 CPU-seconds a GiB).
 */
export type Allocate = (bytes: number) => Buffer;

export const allocateAnywhere: Allocate = (bytes) => Buffer.allocUnsafeSlow(bytes);

export class PageBlock {
  /** headRoom bytes for what is written in front, then the payload. */
  readonly memory: Buffer;
  /** Where pages are read to: maxPagePayload bytes. */
  readonly payload: Buffer;

  constructor(allocate: Allocate = allocateAnywhere) {
    this.memory = allocate(headRoom + maxPagePayload);
    this.payload = this.memory.subarray(headRoom);
  }
}

/** Hands out blocks, first asked first served. Waiting here is the back-pressure of the sender. */
export class BlockPool {
  readonly size: number;
  readonly #allocate: Allocate | undefined;
  readonly #free: PageBlock[] = [];
  readonly #waiting: { resolve: (block: PageBlock) => void; reject: (reason: unknown) => void }[] = [];
  #made = 0;
  #closed: { reason: unknown } | undefined;

  constructor(size: number, allocate?: Allocate) {
    this.size = size;
    this.#allocate = allocate;
  }

  async acquire(): Promise<PageBlock> {
    if (this.#closed !== undefined) throw this.#closed.reason;
    const block = this.#free.pop();
    if (block !== undefined) return block;
    if (this.#made < this.size) {
      this.#made++;
      return new PageBlock(this.#allocate);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  release(block: PageBlock): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next.resolve(block);
    else this.#free.push(block);
  }

  /** Who waits, and who comes later, gets `reason`. */
  close(reason: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = { reason };
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
