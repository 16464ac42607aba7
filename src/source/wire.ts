// What the parts of a flight pass to each other: the connections to the target, and the mappings of one reading.
import type { Vma } from '../kernel/proc/maps.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import type { PageSender } from '../transport/page-sender.ts';
import type { LinkWatch } from './link-watch.ts';
import type { PageFlow } from './page-flow/page-flow.ts';

/** Where the pages of rounds go: to the target, or nowhere (estimate/dry-wire.ts). */
export type PageWire = Pick<PageSender, 'acquire' | 'release' | 'send' | 'sendZero' | 'flush' | 'keepBases'>;

export interface Wire {
  readonly control: ControlConnection<'source'>;
  readonly pages: PageSender;
  readonly flow: PageFlow;
  readonly link: Pick<LinkWatch, 'reconnects' | 'mustHold'>;
  readonly signal: AbortSignal;
}

/** VMAs by PID, as the agent sees both. */
export type VmasOf = ReadonlyMap<number, readonly Vma[]>;
