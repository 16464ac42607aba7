// What restoring changes outside the tree to be: names of unix sockets in shared directories. Each step can be taken
// back until COMMIT, by the agent or, when it has died, by the keeper.
import { renameSync, rmSync } from 'node:fs';

export type UndoStep =
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'unlink'; readonly path: string };

export class UndoLog {
  readonly #steps: UndoStep[] = [];
  readonly #leftovers: string[] = [];
  readonly #announce: (step: UndoStep) => void;

  /** `announce` hears of each step before what it undoes is done: the keeper's undo list. */
  constructor(announce: (step: UndoStep) => void = () => undefined) {
    this.#announce = announce;
  }

  get steps(): readonly UndoStep[] {
    return this.#steps;
  }

  add(step: UndoStep): void {
    this.#announce(step);
    this.#steps.push(step);
  }

  /** A file that is of no use once the target owns the tree. */
  removeAtCommit(path: string): void {
    this.#leftovers.push(path);
  }

  /** Takes everything back, the newest first. What is not there any more needs nothing. */
  undo(): void {
    for (const step of this.#steps.splice(0).reverse()) {
      if (step.kind === 'unlink') rmSync(step.path, { force: true });
      else renameIfThere(step.from, step.to);
    }
    this.#leftovers.length = 0;
  }

  /** After COMMIT: what was put aside goes. */
  commit(): void {
    for (const path of this.#leftovers.splice(0)) rmSync(path, { force: true });
    this.#steps.length = 0;
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
