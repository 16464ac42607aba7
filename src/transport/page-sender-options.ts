// What the source's end of a page connection begins with.
import type { Compression } from './codec.ts';
import type { Deltas } from './deltas.ts';
import type { Allocate } from './page-block.ts';
import type { Checksum } from './page-frame.ts';
import type { PageSeal } from './page-keys.ts';
import type { Redial } from './redial.ts';
import type { SealInto } from './sealing.ts';
import type { TokenBucket } from './token-bucket.ts';
import type { WireMeter } from './wire-meter.ts';

export interface PageSenderOptions {
  readonly checksum: Checksum;
  /** Memory of the blocks; best aligned to pages. */
  readonly allocate?: Allocate;
  /** Blocks of 1 MiB that may be on their way at once, and as many that are compressed into. Default 8. */
  readonly blocks?: number;
  /** Sequence of the frame before the first one: a reconnect goes on from the last acknowledgement. */
  readonly lastSequence?: number;
  readonly compression?: Compression | undefined;
  readonly deltas?: Deltas | undefined;
  readonly limit?: TokenBucket | undefined;
  readonly meter?: WireMeter;
  /** Another connection in the place of one that broke. Absent: its end is the end. */
  readonly redial?: Redial | undefined;
  /** Of the first connection; absent: nothing is encrypted. */
  readonly seal?: PageSeal | undefined;
  /** Default: Node's, which makes garbage. */
  readonly sealInto?: SealInto | undefined;
}
