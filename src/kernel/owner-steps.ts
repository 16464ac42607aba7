// Every step that the owner words can take, and who takes it: the one table that agents obey (owner-word.ts), and that the keeper and the model of
// the protocol are checked against (test/unit/ownership). Why these and no others: docs/ownership.md.
//
//   source:  OPEN ----> FENCED ----> COMMITTED      target:  STAGING ----> PREPARED ----> RUNNING
//              |           |             |                      |             |
//              +--------> ABORTED <------+ revive               +--------> ABORTED
import type { Role } from './run-dir.ts';

export type SourceState = 'OPEN' | 'FENCED' | 'COMMITTED' | 'ABORTED';
export type TargetState = 'STAGING' | 'PREPARED' | 'RUNNING' | 'ABORTED';
export type OwnerState = SourceState | TargetState;

export interface OwnerStep {
  readonly role: Role;
  readonly from: OwnerState;
  readonly to: OwnerState;
  /** Agents change the word themselves, or ask the keeper to. */
  readonly by: readonly ('agent' | 'keeper')[];
}

export const ownerSteps: readonly OwnerStep[] = [
  { role: 'source', from: 'OPEN', to: 'FENCED', by: ['agent'] },
  { role: 'source', from: 'FENCED', to: 'COMMITTED', by: ['agent'] },
  { role: 'source', from: 'OPEN', to: 'ABORTED', by: ['agent', 'keeper'] },
  { role: 'source', from: 'FENCED', to: 'ABORTED', by: ['agent', 'keeper'] },
  // revive: only with proof that the target's copy is gone.
  { role: 'source', from: 'COMMITTED', to: 'ABORTED', by: ['keeper'] },
  { role: 'target', from: 'STAGING', to: 'PREPARED', by: ['agent'] },
  { role: 'target', from: 'PREPARED', to: 'RUNNING', by: ['keeper'] },
  { role: 'target', from: 'STAGING', to: 'ABORTED', by: ['agent', 'keeper'] },
  { role: 'target', from: 'PREPARED', to: 'ABORTED', by: ['agent', 'keeper'] },
];

export function isStep(role: Role, from: OwnerState, to: OwnerState, by: 'agent' | 'keeper'): boolean {
  return ownerSteps.some(
    (step) => step.role === role && step.from === from && step.to === to && step.by.includes(by),
  );
}
