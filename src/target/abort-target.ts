// Nothing of a tree stays here: its keeper sees to it; or, if that was killed, its agent.
import { clearAfterKeeper } from '../kernel/after-keeper.ts';
import type { Keeper } from '../kernel/keeper.ts';

/** @throws GodwitError KEEPER */
export async function abortTarget(keeper: Keeper): Promise<void> {
  try {
    await keeper.abort();
  } catch (error) {
    if ((await keeper.process?.hasDied()) !== true) throw error;
    clearAfterKeeper(keeper.id, 'target', 'kill');
  }
}
