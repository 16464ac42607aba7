// The target's half: receive, and its keeper.
import { hangUp, inTarget, swap, type Answer, type Next, type Verdict, type World } from './world.ts';

const sendToSource = (world: World, message: World['toSource'][number]): World =>
  world.link === 'up' ? { ...world, toSource: [...world.toSource, message] } : world;

/** src/target/receive.ts, landing.ts. */
export function targetAgent(world: World): Next[] {
  const { agent } = world.target;
  const [heard, ...later] = world.toTarget;
  const after: World = { ...world, toTarget: later };
  const isLostHere = world.link === 'cut' || (world.link === 'closed' && world.toTarget.length === 0);
  switch (agent) {
    case 'staging':
      return [
        ['target hears final', heard === 'final' ? inTarget(after, { agent: 'building' }) : undefined],
        ['target hears abort', heard === 'abort' ? abandon(after) : undefined],
        ['target lost the link', isLostHere ? abandon(world) : undefined],
        ['target fails', fail(world)],
      ];
    case 'building':
      return [
        [
          'target stands in the frozen cgroup',
          isThere(world)
            ? inTarget(world, { agent: 'built', copy: 'stands' })
            : inTarget(world, { agent: 'over' }),
        ],
        ['target fails in building', fail(world)],
        ['target lost the link in building', isLostHere ? abandon(world) : undefined],
      ];
    case 'built': {
      const won = swap(world, 'target', ['STAGING', 'PREPARED'], 'agent');
      const prepared = won && inTarget(sendToSource(won, 'prepared'), { agent: 'prepared' });
      return [['target: STAGING -> PREPARED', prepared ?? hangUp(inTarget(world, { agent: 'over' }))]];
    }
    case 'prepared':
      return [
        ['target hears commit', heard === 'commit' ? runOnWord(after) : undefined],
        ['target hears abort when prepared', heard === 'abort' ? abandon(after) : undefined],
        ['target lost the link when prepared', isLostHere ? inTarget(world, { agent: 'over' }) : undefined],
      ];
    case 'clearing':
      return [['target clears away', abandon(world)]];
    case 'ran':
      return [['target agent leaves', hangUp(inTarget(world, { agent: 'over' }))]];
    case 'over':
      return [];
  }
}

const isThere = ({ target }: World): boolean => target.word === 'STAGING' && target.keeper !== 'gone';

function runOnWord(world: World): World {
  const ran = run(world);
  return ran === undefined
    ? hangUp(inTarget(sendToSource(world, 'error'), { agent: 'over' }))
    : inTarget(sendToSource(ran, 'running'), { agent: 'ran' });
}

/** RunTree: who asks again hears that it runs. */
export function run(world: World): World | undefined {
  if (world.target.keeper === 'gone') return undefined;
  const won = swap(world, 'target', ['PREPARED', 'RUNNING'], 'keeper');
  return won && inTarget(won, { copy: 'runs' });
}

/** The source is told first: receive.ts, giveUp. */
function fail(world: World): World {
  return inTarget(sendToSource(world, 'error'), { agent: 'clearing' });
}

/** Landing.abandon. */
function abandon(world: World): World {
  return hangUp(inTarget(destroy(world) ?? world, { agent: 'over' }));
}

/** AbortTarget. */
export function destroy(world: World): World | undefined {
  if (world.target.keeper === 'gone') return undefined;
  const won =
    swap(world, 'target', ['STAGING', 'ABORTED'], 'keeper') ??
    swap(world, 'target', ['PREPARED', 'ABORTED'], 'keeper');
  return won && inTarget(won, { copy: 'gone', keeper: 'gone' });
}

/** TargetAgentDied: what is PREPARED or RUNNING stays. */
export function targetKeeper(world: World): Next[] {
  const { agent, keeper, word } = world.target;
  if (keeper !== 'up' || agent !== 'over') return [];
  const gone = word === 'STAGING' ? destroy(world) : undefined;
  return [['target keeper sees its agent end', gone ?? inTarget(world, { keeper: 'bereaved' })]];
}

/** src/target/resolve.ts. */
export function settle(world: World, verdict: Verdict): [World, Answer] {
  if (world.target.keeper === 'gone') return [world, 'unknown'];
  const after = (verdict === 'commit' ? run(world) : destroy(world)) ?? world;
  const { word } = after.target;
  if (word === 'STAGING') return [after, 'unknown'];
  return [after, word === 'RUNNING' ? 'running' : word === 'PREPARED' ? 'prepared' : 'aborted'];
}
