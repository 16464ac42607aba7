// What may happen next: the ownership protocol as the code has it, step by step, and what may go wrong at any moment. Each step names the code that
// it stands for. Two halves decide at the same time; whoever swaps an owner word first has decided.
import { faultsOf } from './faults.ts';
import { personHears, persons } from './persons.ts';
import { agentHears, resolver, resolverHears, sourceAgent, sourceKeeper } from './source-steps.ts';
import { settle, targetAgent, targetKeeper } from './target-steps.ts';
import { without, type Next, type World } from './world.ts';

export interface Step {
  readonly name: string;
  readonly to: World;
  /** Something that goes wrong, rather than the work going on. */
  readonly isFault: boolean;
}

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
  const interference = [...faultsOf(world), ...persons(world)];
  return [...work.flatMap(going(false)), ...interference.flatMap(going(true))];
}

const hears = { agent: agentHears, resolver: resolverHears, person: personHears };

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
    return [`${asker} hears ${state}`, hears[asker](after, state)];
  });
  return [...asked, ...answered];
}
