// What a keeper says of itself: NAME=VALUE fields (native/keeper/commands.cc).
import { ownerState, type OwnerState } from './owner-word.ts';

export interface KeeperStatus {
  readonly role: string;
  readonly word: OwnerState;
  readonly agentAlive: boolean;
  /** Living root processes. */
  readonly children: number;
  readonly init: number;
  /** Entries on the undo list. */
  readonly undo: number;
  /** PID of the resolver that runs, or 0. */
  readonly resolver: number;
  /** The keeper could leave the agent's cgroup. */
  readonly ownCgroup: boolean;
  /** Bytes of memory that the tree waits for: it is in post-copy. */
  readonly missing: number;
  /** The target's fence. */
  readonly fence: string | undefined;
}

export function keeperStatus(fields: readonly string[]): KeeperStatus {
  const values = new Map(fields.map((field) => splitOnce(field)));
  const number = (name: string): number => Number(values.get(name) ?? 0);
  return {
    role: values.get('role') ?? '',
    word: ownerState(number('word')),
    agentAlive: number('agent') === 1,
    children: number('children'),
    init: number('init'),
    undo: number('undo'),
    resolver: number('resolver'),
    ownCgroup: values.get('cgroup') === 'own',
    missing: number('missing'),
    fence: values.get('fence'),
  };
}

function splitOnce(field: string): [string, string] {
  const at = field.indexOf('=');
  return [field.slice(0, at), field.slice(at + 1)];
}
