// What processes have in common with their parents by flags of clone(2): so from birth on, until one side leaves it.
import { GodwitError } from '../errors.ts';
import type { ProcessLayout } from '../images/layout.ts';
import { unshare } from './births.ts';
import { shareKinds, type ShareKind, type Sharing, type Shell } from './shell.ts';

export function sharingOf(layout: Partial<ProcessLayout> = {}): Sharing {
  return {
    places: layout.sharesPlaces === true,
    descriptors: layout.sharesDescriptors === true,
    memory: layout.sharesMemory === true,
    handlers: layout.sharesHandlers === true,
  };
}

/** @throws GodwitError REFUSED for what no call brings about after birth */
export function followSharing(shell: Shell, layout: ProcessLayout): void {
  const wanted = sharingOf(layout);
  for (const kind of shareKinds) {
    if (shell.shares[kind] === wanted[kind]) continue;
    if (!wanted[kind] && (kind === 'places' || kind === 'descriptors')) unshare(shell, kind);
    else throw cannotFollow(shell, kind, wanted[kind]);
  }
}

function cannotFollow(shell: Shell, kind: ShareKind, shares: boolean): GodwitError {
  const what = {
    places: 'working directory (CLONE_FS)',
    descriptors: 'descriptors (CLONE_FILES)',
    memory: 'memory (CLONE_VM)',
    handlers: 'signal handlers (CLONE_SIGHAND)',
  }[kind];
  return shares
    ? new GodwitError('REFUSED', `${shell.name} has its parent's ${what}, and was not born so here`, {
        hint: 'its PID was used anew just now, or its parent has changed: try again',
      })
    : new GodwitError('REFUSED', `${shell.name} has left its parent's ${what}, which it was born with here`, {
        hint: 'it, or its parent, has executed a program just now: try again',
      });
}
