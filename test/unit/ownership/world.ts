// The state that the model of the ownership protocol (steps.ts) goes through: both hosts with agent, keeper, owner word and copy of the tree,
// and what is on its way between them.
import {
  isStep,
  type OwnerState,
  type SourceState,
  type TargetState,
} from '../../../src/kernel/owner-steps.ts';

/**
 * `runs`; `held`: by ptrace alone, an agent that dies lets it go; `unfenced`: the same, and dies with the agent (PTRACE_O_EXITKILL); `stands`: in a
 * frozen cgroup, whatever happens to agents.
 */
export type SourceCopy = 'runs' | 'held' | 'unfenced' | 'stands' | 'gone';
/** `partial`: being built, nobody could run it. */
export type TargetCopy = 'partial' | 'stands' | 'runs' | 'gone';
export type Asker = 'agent' | 'resolver' | 'person';
export type Verdict = 'commit' | 'abort';
export type Answer = 'running' | 'prepared' | 'aborted' | 'unknown';

export interface World {
  readonly source: {
    /** Where `migrate` is in its story. */
    readonly agent:
      | 'copying'
      | 'holding'
      | 'told' // the final state is on its way
      | 'fencing'
      | 'fenced'
      | 'prepared'
      | 'committed'
      | 'releasing' // locks, after COMMIT, with the fence open
      | 'sent'
      | 'asking'
      | 'finishing'
      | 'failing'
      | 'failing-late' // the target may stand PREPARED, or is about to
      | 'recalling'
      | 'over';
    readonly word: SourceState;
    readonly copy: SourceCopy;
    readonly keeper: 'up' | 'bereaved' | 'gone';
    readonly resolver: boolean;
    /** Times that the host was started anew. */
    readonly boots: number;
  };
  readonly target: {
    readonly agent: 'staging' | 'building' | 'built' | 'prepared' | 'clearing' | 'ran' | 'over';
    readonly word: TargetState;
    readonly copy: TargetCopy;
    readonly keeper: 'up' | 'bereaved' | 'gone';
    readonly boots: number;
  };
  /** The flight's control connection. `closed`: by one end, and what was sent before may still arrive. */
  readonly link: 'up' | 'closed' | 'cut';
  readonly toTarget: readonly ('final' | 'commit' | 'abort')[];
  readonly toSource: readonly ('prepared' | 'running' | 'error')[];
  /** On connections of their own, in any order, with any delay. */
  readonly questions: readonly { readonly asker: Asker; readonly verdict: Verdict }[];
  readonly answers: readonly { readonly asker: Asker; readonly state: Answer }[];
  /** Faults that may still happen. */
  readonly faults: Readonly<Record<Fault, number>>;
}

/** `hurry`: an agent loses patience, or is interrupted, though nothing is wrong. `person`: somebody decides (persons.ts). */
export type Fault = 'kill' | 'cut' | 'twice' | 'lose' | 'reboot' | 'hurry' | 'person';

export const first = (faults: World['faults']): World => ({
  source: { agent: 'copying', word: 'OPEN', copy: 'runs', keeper: 'up', resolver: false, boots: 0 },
  target: { agent: 'staging', word: 'STAGING', copy: 'partial', keeper: 'up', boots: 0 },
  link: 'up',
  toTarget: [],
  toSource: [],
  questions: [],
  answers: [],
  faults,
});

export const inSource = (world: World, change: Partial<World['source']>): World => ({
  ...world,
  source: { ...world.source, ...change },
});
export const inTarget = (world: World, change: Partial<World['target']>): World => ({
  ...world,
  target: { ...world.target, ...change },
});

/** Compare-and-swap of an owner word; undefined: somebody else was first. A step that the table does not have is a mistake of the model. */
export function swap(
  world: World,
  role: 'source' | 'target',
  [from, to]: readonly [OwnerState, OwnerState],
  by: 'agent' | 'keeper',
): World | undefined {
  if (!isStep(role, from, to, by)) throw new Error(`no step of the ${role}'s ${by}: ${from} -> ${to}`);
  if (world[role].word !== from) return undefined;
  return { ...world, [role]: { ...world[role], word: to } };
}

/** One of a list gone. */
export function without<T>(list: readonly T[], index: number): T[] {
  return list.filter((_, i) => i !== index);
}

/** What may come next; undefined: not now. */
export type Next = readonly [name: string, to: World | undefined];

/** One end closes the flight's connection, or dies: what it had sent may still arrive. */
export const hangUp = (world: World): World => (world.link === 'up' ? { ...world, link: 'closed' } : world);
