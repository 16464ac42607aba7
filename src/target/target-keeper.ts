// The keeper of a tree that is to come: how it begins, and how it ends when the tree does not stay.
import { clearAfterKeeper } from '../kernel/after-keeper.ts';
import { Keeper } from '../kernel/keeper.ts';
import { userOfTree } from './security/as-user.ts';

/** @throws GodwitError KEEPER, UNSUPPORTED, NOT_ALLOWED */
export async function startKeeper(id: string): Promise<Keeper> {
  const user = userOfTree();
  const keeper = await Keeper.start({ role: 'target', id });
  if (user !== undefined) keeper.namesAs(user.uid, user.groups[0] ?? user.uid);
  return keeper;
}

/** Nothing of a tree stays here: its keeper sees to it; or, if that was killed, its agent. @throws GodwitError KEEPER */
export async function abortTarget(keeper: Keeper): Promise<void> {
  try {
    await keeper.abort();
  } catch (error) {
    if ((await keeper.process?.hasDied()) !== true) throw error;
    clearAfterKeeper(keeper.id, 'target', 'kill');
  }
}
