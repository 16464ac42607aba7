// How pages flow to the target, as the operator wants it: which codec (--compress), and how many bytes a second at most (--bandwidth). Both
// know when the tree is frozen: then no limit holds, for the downtime would grow by it.
import { compress, sampleCodec } from '../../kernel/page-codec.ts';
import { widenSendBuffer } from '../../kernel/send-buffer.ts';
import type { Codec, Compression } from '../../transport/codec.ts';
import type { PageSenderOptions } from '../../transport/page-sender-options.ts';
import type { PageSender } from '../../transport/page-sender.ts';
import { TokenBucket } from '../../transport/token-bucket.ts';
import { WireMeter } from '../../transport/wire-meter.ts';
import { AutoCodec } from './auto-codec.ts';
import type { CodecChoice } from './choose-codec.ts';
import { PageDeltas, type DeltaTraffic } from './page-deltas.ts';

export const compressChoices = ['auto', 'none', 'lz4', 'zstd'] as const;
export type CompressChoice = (typeof compressChoices)[number];

/** The delta is copied out while the agent reads it and dumps the rest, for which its one thread does nothing else. */
const frozenRoom = 64 << 20;
/** Frames of less leave as they are: to hand them to another thread takes as long. */
const leastBytes = 16 * 1024;

export interface FlowReport {
  /** Chosen last, and why. */
  readonly codec: Codec;
  readonly reason: string;
  /** Bytes of pages by the codec that they went with. */
  readonly pageBytes: Readonly<Record<Codec, number>>;
  /** What they became. */
  readonly payloadBytes: number;
  /** What went as deltas against what was sent before; `bytes` before any codec. */
  readonly deltas: DeltaTraffic & { readonly cacheBytes: number };
}

/** How things stood at one moment. */
export interface FlowMark {
  readonly traffic: PageSender['traffic'];
  readonly deltas: DeltaTraffic;
  readonly busyMs: number;
}

export interface FlowChoices {
  readonly compress: CompressChoice;
  /** --bandwidth; undefined: no limit. */
  readonly bytesPerSecond: number | undefined;
  /** --delta-cache; 0: pages always go whole. */
  readonly deltaCacheBytes: number;
}

const noDeltas: DeltaTraffic = { pageBytes: 0, bytes: 0 };

export class PageFlow {
  readonly #meter = new WireMeter();
  readonly #limit: TokenBucket | undefined;
  readonly #auto: AutoCodec | undefined;
  readonly #given: CodecChoice;
  readonly #deltas: PageDeltas | undefined;
  #frozen = false;

  constructor({ compress: choice, bytesPerSecond, deltaCacheBytes }: FlowChoices) {
    this.#limit = bytesPerSecond === undefined ? undefined : new TokenBucket(bytesPerSecond);
    this.#auto =
      choice === 'auto'
        ? new AutoCodec({ wireSpeed: () => this.#speed(), tryCodec: sampleCodec })
        : undefined;
    this.#given = { codec: choice === 'auto' ? 'none' : choice, reason: 'asked for' };
    this.#deltas = deltaCacheBytes === 0 ? undefined : new PageDeltas(deltaCacheBytes, () => this.#speed());
  }

  /** For the page connection of this flow. */
  get options(): Pick<PageSenderOptions, 'compression' | 'deltas' | 'limit' | 'meter'> {
    return { compression: this.#compression, deltas: this.#deltas, limit: this.#limit, meter: this.#meter };
  }

  /** From now on no limit holds, and few bytes are to arrive soon: the kernel takes them at once, however far the target has read. */
  freeze({ fd }: Pick<PageSender, 'fd'>): void {
    this.#frozen = true;
    if (fd !== undefined) widenSendBuffer(fd, frozenRoom);
    this.#limit?.lift();
    this.#auto?.freeze();
    this.#deltas?.freeze();
  }

  mark({ traffic }: PageSender): FlowMark {
    return { traffic, deltas: this.#deltaTraffic, busyMs: this.#meter.busyMs };
  }

  /**
   * Milliseconds since then in which pages were really under way, where a limit made them wait: what they would take without it.
   * undefined: no limit.
   */
  unlimitedMs(since: FlowMark): number | undefined {
    return this.#limit === undefined ? undefined : this.#meter.busyMs - since.busyMs;
  }

  /** What has happened since then. */
  report({ traffic }: PageSender, since?: FlowMark): FlowReport {
    const { codec, reason } = this.#auto?.choice ?? this.#given;
    const pages = (name: Codec): number => traffic[name].pages - (since?.traffic[name].pages ?? 0);
    const payload = (name: Codec): number => traffic[name].payload - (since?.traffic[name].payload ?? 0);
    return {
      codec,
      reason,
      pageBytes: { none: pages('none'), lz4: pages('lz4'), zstd: pages('zstd') },
      payloadBytes: payload('none') + payload('lz4') + payload('zstd'),
      deltas: {
        pageBytes: this.#deltaTraffic.pageBytes - (since?.deltas.pageBytes ?? 0),
        bytes: this.#deltaTraffic.bytes - (since?.deltas.bytes ?? 0),
        cacheBytes: this.#deltas?.cacheBytes ?? 0,
      },
    };
  }

  get #deltaTraffic(): DeltaTraffic {
    return this.#deltas?.traffic ?? noDeltas;
  }

  /** Bytes a second that leave if nobody compresses them. */
  #speed(): number | undefined {
    const { bytesPerSecond } = this.#meter;
    if (bytesPerSecond === undefined || this.#limit === undefined || this.#frozen) return bytesPerSecond;
    return Math.min(bytesPerSecond, this.#limit.bytesPerSecond);
  }

  get #compression(): Compression | undefined {
    const { codec } = this.#given;
    if (this.#auto === undefined && codec === 'none') return undefined;
    return {
      compress,
      // What is tried and measured is whole pages: deltas follow the choice for them.
      choose: (content, areDeltas) => {
        if (content.length < leastBytes) return 'none';
        if (areDeltas) return this.#auto?.choice.codec ?? codec;
        return this.#auto?.next(content) ?? codec;
      },
    };
  }
}
