// What a probe says of one facility, in the words of `godwit check`.

export interface ProbeReport {
  /** Stable, also for GODWIT_WITHOUT: "pagemap-scan". */
  readonly name: string;
  /** What is tried, in words. */
  readonly what: string;
  readonly result: 'ok' | 'missing';
  /** Missing: why ("EPERM"); ok: a figure where there is one ("832 bytes"), else "". */
  readonly detail: string;
  /** 'migration': no tree moves from or to here without it. */
  readonly requiredFor: 'migration' | 'optional';
  /** What its absence costs. */
  readonly cost: string;
}

/** What trying came to. */
export type Outcome =
  { readonly ok: true; readonly figure?: string } | { readonly ok: false; readonly reason: string };

export interface Probe extends Pick<ProbeReport, 'name' | 'what' | 'requiredFor' | 'cost'> {
  /** Synchronous, some milliseconds; leaves nothing behind. */
  readonly run: () => Outcome;
}
