// Every fault at every step: the steps are the messages of a migration, before and behind each.
import type { Side } from '../../../src/transport/messages.ts';
import type { When } from './relay.ts';

export const kinds = [
  'kill the source',
  'kill the worker',
  'kill both',
  'kill the source’s keeper',
  'kill the target’s keeper',
  'cut the link',
  'stall the link',
  'send it twice',
] as const;
export type Kind = (typeof kinds)[number];

export interface Fault {
  readonly from: Side;
  readonly type: string;
  readonly when: When;
  readonly kind: Kind;
}

/** In the order of a flight. */
const messages: readonly (readonly [Side, string])[] = [
  ['source', 'hello'],
  ['target', 'welcome'],
  ['source', 'check'],
  ['target', 'checked'],
  ['source', 'rehearse'],
  ['target', 'rehearsed'],
  ['source', 'clock-probe'],
  ['target', 'clock-reply'],
  ['source', 'stage'],
  ['target', 'staged'],
  ['source', 'round-end'],
  ['target', 'round-acked'],
  ['source', 'final'],
  ['target', 'prepared'],
  ['source', 'commit'],
  ['target', 'running'],
];

/** A keeper is to a tree that is given away, or has come, what a kernel is: from `prepared` on its death is not survived. */
const beforeKeepersMatter = messages.findIndex(([, type]) => type === 'final');
/** There is no keeper before the target has been asked. */
const keepersFrom = messages.findIndex(([, type]) => type === 'rehearse');

export const plan: readonly Fault[] = messages.flatMap(([from, type], at) =>
  (['before', 'after'] as const).flatMap((when) =>
    kinds.filter((kind) => isMeant(kind, at, when)).map((kind) => ({ from, type, when, kind })),
  ),
);

function isMeant(kind: Kind, at: number, when: When): boolean {
  if (kind === 'send it twice') return when === 'before';
  if (kind === 'kill the source’s keeper' || kind === 'kill the target’s keeper')
    return at >= keepersFrom && at < beforeKeepersMatter;
  return true;
}

export function nameOf({ from, type, when, kind }: Fault): string {
  return `${kind} ${when} ${from}'s ${type}`;
}
