// What the freeze has done to this host, taken back by the keeper, who has it on its undo list.
import { asGodwitError } from '../errors.ts';
import type { Keeper } from '../kernel/keeper.ts';

type UndoKeeper = Pick<Keeper, 'word'> & { readonly network: Pick<Keeper['network'], 'revert'> };

/** In this order, and none is left in the list; not when the tree runs on the target. `failed`: what people are told of one that fails. */
export function revertAll(keeper: UndoKeeper, list: number[], failed: (why: string) => void): void {
  const numbers = list.splice(0);
  if (keeper.word.state === 'COMMITTED') return;
  for (const number of numbers) {
    try {
      keeper.network.revert(number);
    } catch (error) {
      failed(asGodwitError(error).message);
    }
  }
}
