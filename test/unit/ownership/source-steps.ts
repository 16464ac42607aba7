// The source's half: migrate, its keeper, and the resolver that the keeper starts.
import { hangUp, inSource, swap, type Answer, type Next, type Verdict, type World } from './world.ts';

const isLost = ({ link, toSource }: World): boolean =>
  link === 'cut' || (link === 'closed' && toSource.length === 0);
const sendToTarget = (world: World, message: World['toTarget'][number]): World =>
  world.link === 'up' ? { ...world, toTarget: [...world.toTarget, message] } : world;

/** src/source/fly.ts, deliver.ts. */
export function sourceAgent(world: World): Next[] {
  const { agent } = world.source;
  const [heard, ...later] = world.toSource;
  const after: World = { ...world, toSource: later };
  const fail = inSource(world, { agent: 'failing' });
  const failLate = inSource(world, { agent: 'failing-late' });
  switch (agent) {
    case 'copying':
      return [
        ['source freezes (ptrace)', inSource(world, { agent: 'holding', copy: 'held' })],
        ...unlessFine(world, fail, fail),
      ];
    case 'holding':
      return [
        ['source sends final', inSource(sendToTarget(world, 'final'), { agent: 'told' })],
        ...unlessFine(world, fail, fail),
      ];
    case 'told':
      return [['source fences', inSource(world, { agent: 'fencing', copy: 'stands' })]];
    case 'fencing': {
      const won = swap(world, 'source', ['OPEN', 'FENCED'], 'agent');
      return [['source: OPEN -> FENCED', won === undefined ? failLate : inSource(won, { agent: 'fenced' })]];
    }
    case 'fenced':
      return [
        ['source hears prepared', heard === 'prepared' ? inSource(after, { agent: 'prepared' }) : undefined],
        ...unlessFine(world, fail, failLate),
      ];
    case 'prepared': {
      const won = swap(world, 'source', ['FENCED', 'COMMITTED'], 'agent');
      return [
        ['source: FENCED -> COMMITTED', won === undefined ? failLate : inSource(won, { agent: 'committed' })],
      ];
    }
    case 'committed':
      return [
        ['source opens the fence for locks', inSource(world, { agent: 'releasing', copy: 'unfenced' })],
        ['source sends commit', commit(world)],
      ];
    case 'releasing':
      return [['source fences again, sends commit', commit(inSource(world, { copy: 'stands' }))]];
    case 'sent':
      return [
        ['source hears running', heard === 'running' ? inSource(after, { agent: 'finishing' }) : undefined],
        [
          'source hears an error after commit',
          heard === 'error' ? inSource(after, { agent: 'asking' }) : undefined,
        ],
        [
          'source lost the link after commit',
          isLost(world) ? inSource(world, { agent: 'asking' }) : undefined,
        ],
      ];
    case 'asking':
      return [['agent asks', ask(world, 'agent', 'commit')]];
    case 'finishing':
      return [['source copy is killed', finish(inSource(world, { agent: 'over' }))]];
    case 'failing':
      // The keeper takes it back; the target sees the connection end.
      return [['source takes back', takeBack(hangUp(inSource(world, { agent: 'over' })), 'gone')]];
    case 'failing-late':
      return [
        [
          'source takes back, and aborts',
          takeBack(inSource(sendToTarget(world, 'abort'), { agent: 'recalling' }), 'up'),
        ],
      ];
    case 'recalling':
      return [['agent recalls', ask(world, 'agent', 'abort')]];
    case 'over':
      return [];
  }
}

/** Before COMMIT: what ends a flight though nobody was killed. A target that tells an error clears away by itself. */
function unlessFine(world: World, onError: World, onLoss: World): Next[] {
  const [heard, ...later] = world.toSource;
  return [
    ['source hears an error', heard === 'error' ? { ...onError, toSource: later } : undefined],
    ['source lost the link', isLost(world) ? onLoss : undefined],
  ];
}

function commit(world: World): World {
  return world.link === 'up'
    ? inSource(sendToTarget(world, 'commit'), { agent: 'sent' })
    : inSource(world, { agent: 'asking' });
}

/** native/keeper/life.cc, AbortSource, and src/source/take-back.ts: `then` the keeper has nothing more to do, or waits for the target's answer. */
function takeBack(world: World, then: 'up' | 'gone'): World | undefined {
  if (world.source.keeper !== 'up') return world;
  const won = abortSource(world);
  return won && inSource(won, { keeper: then });
}

function abortSource(world: World): World | undefined {
  const won =
    swap(world, 'source', ['OPEN', 'ABORTED'], 'keeper') ??
    swap(world, 'source', ['FENCED', 'ABORTED'], 'keeper');
  return won && inSource(won, { copy: won.source.copy === 'gone' ? 'gone' : 'runs' });
}

/** FinishSource: only what is COMMITTED, and only who knows that the tree runs on the target asks for it. */
function finish(world: World): World {
  if (world.source.keeper === 'gone' || world.source.word !== 'COMMITTED') return world;
  return inSource(world, { copy: 'gone', keeper: 'gone', resolver: false });
}

/** SourceAgentDied; the resolver is started again until it has been told. */
export function sourceKeeper(world: World): Next[] {
  const { agent, keeper, resolver } = world.source;
  if (keeper === 'up' && agent === 'over') {
    const after = abortSource(world) ?? world;
    return [['source keeper sees its agent end', inSource(after, { keeper: 'bereaved', resolver: true })]];
  }
  if (keeper !== 'bereaved' || resolver) return [];
  return [['source keeper starts the resolver again', inSource(world, { resolver: true })]];
}

/** src/source/settle-migration.ts. */
export function resolver(world: World): Next[] {
  if (!world.source.resolver) return [];
  const { word } = world.source;
  return [['resolver asks', ask(world, 'resolver', word === 'COMMITTED' ? 'commit' : 'abort')]];
}

/** One question of each at a time, and its answer. */
function ask(world: World, asker: 'agent' | 'resolver', verdict: Verdict): World | undefined {
  const isOut = [...world.questions, ...world.answers].some((other) => other.asker === asker);
  return isOut ? undefined : { ...world, questions: [...world.questions, { asker, verdict }] };
}

/** Anything but `running` leaves it in doubt: the agent ends, and the keeper's resolver goes on. Behind an abort every answer will do. */
export function agentHears(world: World, state: Answer): World {
  const { agent, keeper } = world.source;
  if (agent === 'recalling')
    return hangUp(inSource(world, { agent: 'over', keeper: keeper === 'up' ? 'gone' : keeper }));
  if (agent !== 'asking') return world;
  return inSource(world, { agent: state === 'running' ? 'finishing' : 'over' });
}

export function resolverHears(world: World, state: Answer): World {
  const { resolver: isThereStill, word } = world.source;
  if (!isThereStill) return world;
  if (word === 'ABORTED') return inSource(world, { resolver: false, keeper: 'gone' });
  return state === 'running' ? finish(world) : inSource(world, { resolver: false });
}
