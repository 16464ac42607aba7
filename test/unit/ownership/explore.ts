// Every world that can come about, and what each can still become when nothing more goes wrong.
import { stepsOf as protocol, type Step } from './steps.ts';
import { first, type World } from './world.ts';

export interface Explored {
  readonly worlds: number;
  readonly steps: number;
  /** The way to what must not be. */
  readonly violations: readonly { readonly what: string; readonly path: readonly string[] }[];
  /** How it can end when nothing more goes wrong, and in how many worlds. */
  readonly endings: ReadonlyMap<string, number>;
  /** The ways to worlds from which no ending is reached. */
  readonly stuck: readonly (readonly string[])[];
}

interface Node {
  readonly world: World;
  readonly from: Node | undefined;
  readonly step: string;
  readonly before: Node[];
}

export function explore(faults: World['faults'], stepsOf: (world: World) => Step[] = protocol): Explored {
  const start: Node = { world: first(faults), from: undefined, step: '', before: [] };
  const nodes = new Map<string, Node>([[JSON.stringify(start.world), start]]);
  const violations: { what: string; path: string[] }[] = [];
  let steps = 0;
  for (const node of nodes.values()) {
    for (const { name, to, isFault } of stepsOf(node.world)) {
      steps++;
      const key = JSON.stringify(to);
      let found = nodes.get(key);
      if (found === undefined) {
        found = { world: to, from: node, step: name, before: [] };
        nodes.set(key, found);
      }
      const what = wrong(node.world, to);
      if (what !== undefined) violations.push({ what, path: [...pathTo(node), name] });
      if (!isFault) found.before.push(node);
    }
  }
  const endings = new Map<string, number>();
  const reached = new Set<Node>();
  for (const node of nodes.values()) {
    const ending = endingOf(node.world, stepsOf);
    if (ending === undefined) continue;
    endings.set(ending, (endings.get(ending) ?? 0) + 1);
    reached.add(node);
  }
  for (const node of reached) for (const earlier of node.before) reached.add(earlier);
  const stuck = [...nodes.values()].filter((node) => !reached.has(node)).map(pathTo);
  return { worlds: nodes.size, steps, violations, endings, stuck };
}

/** The invariants (docs/ownership.md). A host that starts anew takes its copy along: that is no step of the protocol. */
function wrong(from: World, to: World): string | undefined {
  const { source, target } = to;
  if (source.copy === 'runs' && target.copy === 'runs') return 'two copies run';
  if (source.copy === 'runs' && target.word === 'RUNNING' && target.copy !== 'gone')
    return 'it runs here, and may run there';
  const wasReboot = target.boots !== from.target.boots || source.boots !== from.source.boots;
  // The one exception: a target that has started anew, or was told to let go, behind COMMIT, and an agent killed in the millisecond in which its fence
  // is open for file locks.
  const isTwoFaults = from.source.copy === 'unfenced' && (target.boots > 0 || target.word === 'ABORTED');
  // Decided for the source, whose host starts anew before the target has heard it.
  const wentWithItsHost =
    source.boots > 0 && target.word === 'ABORTED' && from.questions.some(({ asker }) => asker === 'person');
  const hasRunThere = target.word === 'RUNNING'; // and has died with the host that it ran on
  return isLeft(from) && !isLeft(to) && !wasReboot && !isTwoFaults && !wentWithItsHost && !hasRunThere
    ? 'no copy is left'
    : undefined;
}

/**
 * A copy that runs, or can be made to. What stands on the target is none before it is PREPARED, nor when the source has taken the tree back: that has
 * gone on since.
 */
function isLeft({ source, target }: World): boolean {
  const mayRun = target.copy === 'stands' && target.word === 'PREPARED' && source.word !== 'ABORTED';
  return source.copy !== 'gone' || target.copy === 'runs' || mayRun;
}

function pathTo(node: Node): string[] {
  const path: string[] = [];
  for (let at = node; at.from !== undefined; at = at.from) path.unshift(at.step);
  return path;
}

/** undefined: something still goes on. */
function endingOf(world: World, stepsOf: (world: World) => Step[]): string | undefined {
  const { source, target, questions, answers } = world;
  if (source.agent !== 'over' || target.agent !== 'over' || questions.length + answers.length > 0)
    return undefined;
  const isSettled = source.keeper === 'gone';
  if (isSettled && source.copy === 'gone' && target.copy === 'runs') return 'moved';
  if (isSettled && source.copy === 'runs' && target.copy === 'gone') return 'stayed';
  if (isSettled && source.copy === 'gone' && target.copy === 'gone') return 'ended with its host';
  // A resolver asks for ever: nothing that it hears changes anything.
  if (stepsOf(world).some(({ to, isFault }) => !isFault && leadsOn(world, to, stepsOf))) return undefined;
  const here = source.boots > 0 ? 'started anew' : `${source.word}, copy ${source.copy}`;
  const there = target.boots > 0 ? 'started anew' : `${target.word}, copy ${target.copy}`;
  return `a person decides: source ${here}; target ${there}`;
}

/** Whether a step, or what follows from it alone, changes a copy, a word, or ends the source's keeper. */
function leadsOn(from: World, to: World, stepsOf: (world: World) => Step[], depth = 4): boolean {
  const fate = ({ source, target }: World): string =>
    [source.word, source.copy, source.keeper === 'gone', target.word, target.copy].join();
  if (fate(from) !== fate(to)) return true;
  if (depth === 0) return false;
  return stepsOf(to).some((step) => !step.isFault && leadsOn(from, step.to, stepsOf, depth - 1));
}
