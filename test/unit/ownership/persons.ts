// What a person may do at any moment (`godwit resolve --abort`, `--commit --source-lost`): src/source/take-back-committed.ts, src/target/decide.ts.
import { destroy, run } from './target-steps.ts';
import { inSource, swap, type Answer, type Next, type World } from './world.ts';

export function persons(world: World): Next[] {
  if (world.faults.person === 0) return [];
  const spent: World = { ...world, faults: { ...world.faults, person: world.faults.person - 1 } };
  return [
    ['a person on the source: resolve --abort', takeBack(spent)],
    // Whoever throws the last copy away has been told so; here it is never the last one.
    ['a person on the target: resolve --abort', decides(spent) && spent.source.copy !== 'gone' ? destroy(spent) : undefined],
    // Who says so of a source that is not lost makes two copies: it is the one thing that is believed (docs/ownership.md).
    ['a person on the target: resolve --commit --source-lost', decides(spent) && spent.source.boots > 0 ? run(spent) : undefined],
  ];
} // prettier-ignore

/** The worker has gone, and the tree stands. */
function decides({ target }: World): boolean {
  return target.agent === 'over' && target.word === 'PREPARED' && target.keeper !== 'gone';
}

/** The target is asked. */
function takeBack(world: World): World | undefined {
  const { word, agent, copy, keeper } = world.source;
  if (word !== 'COMMITTED' || agent !== 'over' || copy !== 'stands' || keeper === 'gone') return undefined;
  return { ...world, questions: [...world.questions, { asker: 'person', verdict: 'abort' }] };
}

/** Keeper.revive. */
export function personHears(world: World, state: Answer): World {
  if (state !== 'aborted' && state !== 'unknown') return world;
  if (world.source.keeper === 'gone') return world;
  const won = swap(world, 'source', ['COMMITTED', 'ABORTED'], 'keeper');
  return won === undefined ? world : inSource(won, { copy: won.source.copy === 'gone' ? 'gone' : 'runs', keeper: 'gone', resolver: false });
} // prettier-ignore
