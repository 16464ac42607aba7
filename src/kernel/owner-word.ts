// The owner word: who may run the tree. Eight bytes that agent and keeper share, changed only by compare-and-swap, so
// that of two who decide at the same instant exactly one wins. Values: native/sys/owner_word.h.
//
// Which steps there are: owner-steps.ts. COMMIT is sent only after FENCED -> COMMITTED was won. PREPARED -> RUNNING is the keeper's (command `run`).
// Must not know what follows from a state: that is the keeper's and the agents' work.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { isStep, type OwnerState, type SourceState, type TargetState } from './owner-steps.ts';
import type { Role } from './run-dir.ts';

export type { OwnerState };

const values = {
  source: { OPEN: 1, FENCED: 2, COMMITTED: 3, ABORTED: 4 },
  target: { STAGING: 11, PREPARED: 12, RUNNING: 13, ABORTED: 14 },
} as const satisfies { source: Record<SourceState, number>; target: Record<TargetState, number> };

const names = new Map<number, OwnerState>(
  [...Object.entries(values.source), ...Object.entries(values.target)].map(([name, value]) => [
    value,
    name as OwnerState,
  ]),
);

/** "FENCED" for 2. @throws GodwitError KEEPER: the file does not hold an owner word. */
export function ownerState(value: number): OwnerState {
  const name = names.get(value);
  if (name === undefined)
    throw new GodwitError('KEEPER', `the owner word holds ${value}, which means nothing`);
  return name;
}

export class OwnerWord implements Disposable {
  readonly role: Role;
  readonly #fd: number;

  private constructor(role: Role, fd: number) {
    this.role = role;
    this.#fd = fd;
  }

  /** `dir`: of the migration. @throws GodwitError KEEPER when there is none. */
  static open(dir: string, role: Role): OwnerWord {
    try {
      return new OwnerWord(role, openSync(join(dir, 'owner'), 'r+'));
    } catch (cause) {
      throw new GodwitError('KEEPER', `${dir} holds no owner word`, { cause });
    }
  }

  get state(): OwnerState {
    return ownerState(checked(native.wordLoad(this.#fd)));
  }

  /**
   * Compare-and-swap. False: the word was not `from` any more, somebody else has decided.
   * @throws GodwitError INTERNAL for a step that the diagram does not have.
   */
  change(from: OwnerState, to: OwnerState): boolean {
    if (!isStep(this.role, from, to, 'agent')) {
      throw new GodwitError('INTERNAL', `the ${this.role}'s owner word cannot go from ${from} to ${to}`);
    }
    const states: Partial<Record<OwnerState, number>> = values[this.role];
    const expected = states[from] ?? 0;
    return checked(native.wordCompareExchange(this.#fd, expected, states[to] ?? 0)) === expected;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function checked(result: number): number {
  if (result >= 0) return result;
  throw new GodwitError('SYSCALL', `the owner word cannot be mapped (errno ${-result})`);
}
