// Programs in many shells at once. One alone takes two switches between processes, some 100 us in which nothing else is done; together they take
// little more than what they do.
import { Program, type Outcome } from '../kernel/program.ts';
import type { Shell } from './shell.ts';

/** What one task of a shell is to do. Tasks of one batch are independent of each other. */
export interface Errand {
  readonly shell: Shell;
  /** Default: its leader. */
  readonly vtid?: number;
  /** Adds the calls; a program without any is not run. Returns who wants to know the outcome. */
  readonly build: (program: Program) => ((outcome: Outcome) => void) | undefined;
}

/** So many at once: behind them the first has long ended. */
const most = 64;
/** Bytes that are lost between programs, each of which begins at a multiple of 64. */
const slack = 64 * most;

/** In batches, in order. @throws GodwitError REMOTE_CALL, NO_PROCESS: of the first that failed, after all of its batch have ended */
export function runTogether(errands: Iterable<Errand>): void {
  let batch: { shell: Shell; vtid: number; program: Program; read: ReturnType<Errand['build']> }[] = [];
  let size = 0;
  const flush = (): void => {
    const [first] = batch;
    if (first === undefined) return;
    const { scratch } = first.shell;
    const tasks = batch.map(({ shell, vtid, program }) => shell.task(program, vtid));
    const outcomes = scratch.runAll(tasks);
    batch.forEach(({ read }, i) => {
      const outcome = outcomes[i];
      if (outcome !== undefined) read?.(outcome);
    });
    batch = [];
    size = 0;
  };
  for (const { shell, vtid = shell.vpid, build } of errands) {
    if (batch.length === most || !shell.scratch.hasRoom(size)) flush();
    const program = new Program();
    const read = build(program);
    if (program.length === 0) continue;
    // One that fits alone must not fail for its company; what is as large as that has placed nothing beside itself.
    if (size + program.size > shell.scratch.room - slack) flush();
    batch.push({ shell, vtid, program, read });
    size += program.size;
  }
  flush();
}
