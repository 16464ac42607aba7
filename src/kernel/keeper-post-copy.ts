// Post-copy, as the target's keeper does it (native/keeper/post_copy.h): it knows what is missing, and holds who waits for that.
import { closeSync } from 'node:fs';
import type { KeeperSocket } from './keeper-socket.ts';
import { memoryFile } from './memory-file.ts';
import type { PageRuns } from './page-runs.ts';

/** UFFD_FEATURE_EVENT_FORK, _REMAP, _REMOVE and _UNMAP: what a process does with memory of which pages are missing is told. */
export const postCopyFeatures = (1 << 1) | (1 << 2) | (1 << 3) | (1 << 6);

export class KeeperPostCopy {
  readonly #socket: KeeperSocket;

  constructor(socket: KeeperSocket) {
    this.#socket = socket;
  }

  /**
   * The keeper answers for what this space misses, as long as it takes. `space`: its name on the wire. Preconditions: STAGING; `uffd` is
   * registered there in missing mode with the features above, and does not block. @throws GodwitError KEEPER
   */
  guard(space: number, uffd: number, { runs, count }: PageRuns): void {
    const words = BigUint64Array.from(runs.subarray(0, 2 * count), BigInt);
    const memory = memoryFile('godwit-missing', new Uint8Array(words.buffer));
    try {
      this.#socket.request({ fields: ['post-copy', 'space', space], fds: [uffd, memory] });
    } finally {
      closeSync(memory);
    }
  }

  /** What is still missing, by space, as addresses of the source. @throws GodwitError KEEPER */
  missing(): Map<number, PageRuns> {
    const bytes = this.#socket.requestBytes({ fields: ['post-copy', 'missing'] });
    const words = new BigUint64Array(bytes.buffer);
    const found = new Map<number, PageRuns>();
    for (let at = 0; at < words.length;) {
      const [space, count] = [Number(words[at]), Number(words[at + 1])];
      const runs = Float64Array.from(words.subarray(at + 2, at + 2 + 2 * count), Number);
      found.set(space, { runs, count });
      at += 2 + 2 * count;
    }
    return found;
  }

  /** A stream to the keeper, for pages and who waits for them. One at a time: the one before is cut off. @throws GodwitError KEEPER */
  connect(): number {
    return this.#socket.request({ fields: ['post-copy', 'connect'] }).fd;
  }
}
