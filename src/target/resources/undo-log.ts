// What restoring changes outside the tree to be: names of unix sockets in shared directories, and of message queues. Each step can be taken
// back until COMMIT, by the agent or, when it has died, by the keeper.
import { renameSync, rmSync } from 'node:fs';
import type { NameUndo } from '../../kernel/undo-orders.ts';
import { unlinkQueue } from '../../kernel/message-queues.ts';
import { asUser } from '../security/as-user.ts';

export type UndoStep = NameUndo;

/** Hears of a step before what it undoes is done, and may tell how to take that back. */
export type Announce = (step: UndoStep) => (() => void) | undefined;

export class UndoLog {
  readonly #steps: UndoStep[] = [];
  readonly #leftovers: string[] = [];
  readonly #announce: Announce;

  /** `announce`: the keeper's undo list. */
  constructor(announce: Announce = () => undefined) {
    this.#announce = announce;
  }

  get steps(): readonly UndoStep[] {
    return this.#steps;
  }

  /** Returns how to forget the step again: it was not done, or is nobody's business any more. */
  add(step: UndoStep): () => void {
    const retract = this.#announce(step);
    this.#steps.push(step);
    return () => {
      this.#steps.splice(this.#steps.indexOf(step), 1);
      retract?.();
    };
  }

  /** A file that is of no use once the target owns the tree. */
  removeAtCommit(path: string): void {
    this.#leftovers.push(path);
  }

  /** Takes everything back, the newest first. What is not there any more needs nothing. */
  undo(): void {
    for (const step of this.#steps.splice(0).reverse()) {
      if (step.kind === 'mqueue') unlinkQueue(step.name);
      else
        asUser(() => {
          if (step.kind === 'unlink') rmSync(step.path, { force: true });
          else renameIfThere(step.from, step.to);
        });
    }
    this.#leftovers.length = 0;
  }

  /** After COMMIT: what was put aside goes. */
  commit(): void {
    for (const path of this.#leftovers.splice(0))
      asUser(() => {
        rmSync(path, { force: true });
      });
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
