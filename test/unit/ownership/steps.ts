// What may happen next: the ownership protocol as the code has it, step by step, and what may go wrong at any moment. Each step names the code that
// it stands for. Two halves decide at the same time; whoever swaps an owner word first has decided.
import { faultsOf } from './faults.ts';
import { inSource, inTarget, swap, without, type Answer, type Verdict, type World } from './world.ts';

export interface Step {
  readonly name: string;
  readonly to: World;
  /** Something that goes wrong, rather than the work going on. */
  readonly isFault: boolean;
}

type Next = readonly [name: string, to: World | undefined];

export function stepsOf(world: World): Step[] {
  const work = [
    ...sourceAgent(world),
    ...sourceKeeper(world),
    ...resolver(world),
    ...targetAgent(world),
    ...targetKeeper(world),
    ...questions(world),
  ];
  const going =
    (isFault: boolean) =>
    ([name, to]: Next): Step[] =>
      to === undefined ? [] : [{ name, to, isFault }];
  return [...work.flatMap(going(false)), ...faultsOf(world).flatMap(going(true))];
}

const isLost = ({ link, toSource }: World): boolean =>
  link === 'cut' || (link === 'closed' && toSource.length === 0);
const sendToTarget = (world: World, message: World['toTarget'][number]): World =>
  world.link === 'up' ? { ...world, toTarget: [...world.toTarget, message] } : world;
const sendToSource = (world: World, message: World['toSource'][number]): World =>
  world.link === 'up' ? { ...world, toSource: [...world.toSource, message] } : world;

/** src/source/fly.ts, deliver.ts. */
function sourceAgent(world: World): Next[] {
  const { agent } = world.source;
  const [heard, ...later] = world.toSource;
  const after: World = { ...world, toSource: later };
  const fail = inSource(world, { agent: 'failing' });
  const failLate = inSource(world, { agent: 'failing-late' });
  switch (agent) {
    case 'copying':
      return [
        ['source freezes (ptrace)', inSource(world, { agent: 'holding', copy: 'held' })],
        ...unlessFine(world, fail),
      ];
    case 'holding':
      return [
        ['source sends final', inSource(sendToTarget(world, 'final'), { agent: 'told' })],
        ...unlessFine(world, fail),
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
        ...unlessFine(world, failLate),
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

/** Before COMMIT: what ends a flight though nobody was killed. */
function unlessFine(world: World, fail: World): Next[] {
  const [heard, ...later] = world.toSource;
  return [
    ['source hears an error', heard === 'error' ? { ...fail, toSource: later } : undefined],
    ['source lost the link', isLost(world) ? fail : undefined],
  ];
}

function commit(world: World): World {
  return world.link === 'up'
    ? inSource(sendToTarget(world, 'commit'), { agent: 'sent' })
    : inSource(world, { agent: 'asking' });
}

const hangUp = (world: World): World => (world.link === 'up' ? { ...world, link: 'closed' } : world);

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
function sourceKeeper(world: World): Next[] {
  const { agent, keeper, resolver } = world.source;
  if (keeper === 'up' && agent === 'over') {
    const after = abortSource(world) ?? world;
    return [['source keeper sees its agent end', inSource(after, { keeper: 'bereaved', resolver: true })]];
  }
  if (keeper !== 'bereaved' || resolver) return [];
  return [['source keeper starts the resolver again', inSource(world, { resolver: true })]];
}

/** src/source/settle-migration.ts. */
function resolver(world: World): Next[] {
  if (!world.source.resolver) return [];
  const { word } = world.source;
  return [['resolver asks', ask(world, 'resolver', word === 'COMMITTED' ? 'commit' : 'abort')]];
}

/** One question of each at a time, and its answer. */
function ask(world: World, asker: 'agent' | 'resolver', verdict: Verdict): World | undefined {
  const isOut = [...world.questions, ...world.answers].some((other) => other.asker === asker);
  return isOut ? undefined : { ...world, questions: [...world.questions, { asker, verdict }] };
}

/** src/target/receive.ts, landing.ts. */
function targetAgent(world: World): Next[] {
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
        ['target fails', abandon(sendToSource(world, 'error'))],
      ];
    case 'building':
      return [
        [
          'target stands in the frozen cgroup',
          isThere(world)
            ? inTarget(world, { agent: 'built', copy: 'stands' })
            : inTarget(world, { agent: 'over' }),
        ],
        ['target fails in building', abandon(sendToSource(world, 'error'))],
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
function run(world: World): World | undefined {
  if (world.target.keeper === 'gone') return undefined;
  const won = swap(world, 'target', ['PREPARED', 'RUNNING'], 'keeper');
  return won && inTarget(won, { copy: 'runs' });
}

/** Landing.abandon. */
function abandon(world: World): World {
  return hangUp(inTarget(destroy(world) ?? world, { agent: 'over' }));
}

/** AbortTarget. */
function destroy(world: World): World | undefined {
  if (world.target.keeper === 'gone') return undefined;
  const won =
    swap(world, 'target', ['STAGING', 'ABORTED'], 'keeper') ??
    swap(world, 'target', ['PREPARED', 'ABORTED'], 'keeper');
  return won && inTarget(won, { copy: 'gone', keeper: 'gone' });
}

/** TargetAgentDied: what is PREPARED or RUNNING stays. */
function targetKeeper(world: World): Next[] {
  const { agent, keeper, word } = world.target;
  if (keeper !== 'up' || agent !== 'over') return [];
  const gone = word === 'STAGING' ? destroy(world) : undefined;
  return [['target keeper sees its agent end', gone ?? inTarget(world, { keeper: 'bereaved' })]];
}

/** src/target/resolve.ts answers, src/source/resolve.ts hears. */
function questions(world: World): Next[] {
  const asked = world.questions.map(({ asker, verdict }, i): Next => {
    const [after, state] = settle({ ...world, questions: without(world.questions, i) }, verdict);
    return [
      `target answers ${asker}: ${verdict}`,
      { ...after, answers: [...after.answers, { asker, state }] },
    ];
  });
  const answered = world.answers.map(({ asker, state }, i): Next => {
    const after = { ...world, answers: without(world.answers, i) };
    return [
      `${asker} hears ${state}`,
      asker === 'agent' ? agentHears(after, state) : resolverHears(after, state),
    ];
  });
  return [...asked, ...answered];
}

function settle(world: World, verdict: Verdict): [World, Answer] {
  if (world.target.keeper === 'gone') return [world, 'unknown'];
  const after = (verdict === 'commit' ? run(world) : destroy(world)) ?? world;
  const { word } = after.target;
  if (word === 'STAGING') return [after, 'unknown'];
  return [after, word === 'RUNNING' ? 'running' : word === 'PREPARED' ? 'prepared' : 'aborted'];
}

/** Anything but `running` leaves it in doubt: the agent ends, and the keeper's resolver goes on. Behind an abort every answer will do. */
function agentHears(world: World, state: Answer): World {
  const { agent, keeper } = world.source;
  if (agent === 'recalling')
    return hangUp(inSource(world, { agent: 'over', keeper: keeper === 'up' ? 'gone' : keeper }));
  if (agent !== 'asking') return world;
  return inSource(world, { agent: state === 'running' ? 'finishing' : 'over' });
}

function resolverHears(world: World, state: Answer): World {
  const { resolver: isThereStill, word } = world.source;
  if (!isThereStill) return world;
  if (word === 'ABORTED') return inSource(world, { resolver: false, keeper: 'gone' });
  return state === 'running' ? finish(world) : inSource(world, { resolver: false });
}
