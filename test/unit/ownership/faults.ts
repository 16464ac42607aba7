// What may go wrong at any moment, as often as the world allows.
import { hangUp, inSource, inTarget, without, type Fault, type Next, type World } from './world.ts';

export function faultsOf(world: World): Next[] {
  return [...kills(world), ...links(world), ...reboots(world), ...hurries(world)];
}

function spend(world: World, fault: Fault): World | undefined {
  if (world.faults[fault] === 0) return undefined;
  return { ...world, faults: { ...world.faults, [fault]: world.faults[fault] - 1 } };
}

function kills(world: World): Next[] {
  const spent = spend(world, 'kill');
  if (spent === undefined) return [];
  const { source, target } = spent;
  const copy = source.copy === 'held' ? 'runs' : source.copy === 'unfenced' ? 'gone' : source.copy;
  return [
    [
      'kill -9 migrate',
      source.agent === 'over' ? undefined : hangUp(inSource(spent, { agent: 'over', copy })),
    ],
    ['kill -9 receive', target.agent === 'over' ? undefined : hangUp(inTarget(spent, { agent: 'over' }))],
    ['kill -9 resolver', source.resolver ? inSource(spent, { resolver: false }) : undefined],
  ];
}

function links(world: World): Next[] {
  const cut = spend(world, 'cut');
  const twice = spend(world, 'twice');
  const lose = spend(world, 'lose');
  const next: Next[] = [
    // Nobody knows how much of what was sent has arrived: cut after each delivery is another world.
    [
      'the link is cut',
      cut && cut.link !== 'cut' ? { ...cut, link: 'cut', toTarget: [], toSource: [] } : undefined,
    ],
  ];
  for (const [i, question] of world.questions.entries()) {
    next.push([
      `${question.asker}: its question is lost`,
      lose && { ...lose, questions: without(lose.questions, i) },
    ]);
    next.push([
      `${question.asker}: its question comes twice`,
      twice && { ...twice, questions: [...twice.questions, question] },
    ]);
  }
  for (const [i, answer] of world.answers.entries())
    next.push([
      `${answer.asker}: its answer is lost`,
      lose && { ...lose, answers: without(lose.answers, i) },
    ]);
  return next;
}

function reboots(world: World): Next[] {
  const spent = spend(world, 'reboot');
  if (spent === undefined) return [];
  const dark: World = { ...spent, link: 'cut', toTarget: [], toSource: [] };
  const source = inSource(
    { ...dark, answers: [] },
    { agent: 'over', copy: 'gone', keeper: 'gone', resolver: false, boots: dark.source.boots + 1 },
  );
  const target = inTarget(dark, {
    agent: 'over',
    copy: 'gone',
    keeper: 'gone',
    boots: dark.target.boots + 1,
  });
  return [
    ['the source host starts anew', source],
    ['the target host starts anew', target],
  ];
}

/** Time-outs, and Ctrl-C, which before COMMIT do as much as a failure. */
function hurries(world: World): Next[] {
  const spent = spend(world, 'hurry');
  if (spent === undefined) return [];
  switch (spent.source.agent) {
    case 'fenced':
      return [['source loses patience', inSource(spent, { agent: 'failing-late' })]];
    case 'recalling':
      return [['source leaves it to its keeper', inSource(spent, { agent: 'over' })]];
    case 'copying':
    case 'holding':
      return [['source loses patience', inSource(spent, { agent: 'failing' })]];
    case 'sent':
      return [['source loses patience after commit', inSource(spent, { agent: 'asking' })]];
    case 'asking':
      return [['source leaves it in doubt', inSource(spent, { agent: 'over' })]];
    default:
      return [];
  }
}
