// Pages that are sent again as deltas against what was sent of them (--delta-cache), as long as that is faster than sending them whole.
import { native } from '../../native.ts';
import type { NativeDeltaCache } from '../../native-delta.ts';
import { worthwhile } from '../../transport/codec.ts';
import type { Deltas, KeptRuns } from '../../transport/deltas.ts';
import type { PageFrameInfo } from '../../transport/page-frame.ts';
import { DeltaGain } from './delta-gain.ts';

type Owner = Pick<PageFrameInfo, 'kind' | 'space'>;

/** PIDs are below (Linux: PID_MAX_LIMIT); ids of objects are counted from 0. */
const owners = 2 ** 22;

export interface DeltaTraffic {
  /** Bytes of pages that went as deltas. */
  readonly pageBytes: number;
  /** Bytes of these deltas. */
  readonly bytes: number;
}

export class PageDeltas implements Deltas {
  readonly cacheBytes: number;
  readonly #cache: NativeDeltaCache;
  readonly #gain: DeltaGain;
  readonly #traffic = { pageBytes: 0, bytes: 0 };
  #frozen = false;

  /** `wireSpeed`: bytes a second that the wire takes; undefined: not known yet. */
  constructor(cacheBytes: number, wireSpeed: () => number | undefined) {
    this.cacheBytes = cacheBytes;
    this.#cache = new native.DeltaCache(cacheBytes);
    this.#gain = new DeltaGain(wireSpeed);
  }

  /** A snapshot. */
  get traffic(): DeltaTraffic {
    return { ...this.#traffic };
  }

  encode(info: PageFrameInfo, payload: Uint8Array): number {
    const { round, runs, runCount } = info;
    const owner = ownerOf(info);
    if (owner === undefined) return 0;
    if (!this.#gain.isWorthTrying()) {
      this.#cache.drop(owner, runs, runCount);
      return 0;
    }
    const began = performance.now();
    const room = Math.floor(payload.length * worthwhile);
    const bytes = this.#cache.encode(owner, round, runs, runCount, payload, room, !this.#frozen);
    const ms = performance.now() - began;
    if (bytes > 0) {
      this.#traffic.pageBytes += payload.length;
      this.#traffic.bytes += bytes;
    }
    // What is sent for the first time has nothing to differ from.
    if (round > 0 && !this.#frozen) this.#gain.tell({ pageBytes: payload.length, bytes, ms });
    return bytes;
  }

  zeros(info: PageFrameInfo): void {
    const owner = ownerOf(info);
    if (owner !== undefined) this.#cache.drop(owner, info.runs, info.runCount);
  }

  keep(of: Owner, { runs, count }: KeptRuns): void {
    const owner = ownerOf(of);
    if (owner !== undefined) this.#cache.keep(owner, runs, count);
  }

  /** The tree stands still: nothing is kept for a next time. */
  freeze(): void {
    this.#frozen = true;
  }
}

/** undefined: its pages go whole. */
function ownerOf({ kind, space }: Owner): number | undefined {
  if (space >= owners) return undefined;
  return kind === 'space' ? space : owners + space;
}
