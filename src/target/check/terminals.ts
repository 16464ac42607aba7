// Pseudoterminals are known by their numbers: those of the tree must be free here. Tried by making them.
import { asGodwitError } from '../../errors.ts';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { pathOf, Terminals } from '../terminals.ts';
import { blocker } from './blocker.ts';

export function checkTerminals({ terminals }: Pick<Requirements, 'terminals'>): Blocker[] {
  const tried = new Terminals();
  try {
    return terminals.flatMap((name) => {
      try {
        tried.claim(name);
        return [];
      } catch (error) {
        const { message, hint } = asGodwitError(error);
        return [blocker(pathOf(name), message, hint ?? '')];
      }
    });
  } finally {
    tried.close();
  }
}
