// Programs in many live processes at once. One alone takes two switches between processes and two stops, in which nothing else is done.
import { signOfLife } from '../sign-of-life.ts';
import { native } from '../native.ts';
import type { LiveProcess } from './live-process.ts';
import { Program, type Outcome } from './program.ts';

/** What one thread is to do. Errands are independent of each other. */
export interface LiveErrand {
  readonly live: LiveProcess;
  /** Default: the process's leader. */
  readonly tid?: number;
  /** Adds the calls. Returns who wants to know the outcome. */
  readonly build: (program: Program) => (outcome: Outcome) => void;
}

/** So many at once: who is done waits for all of them, and does not sleep at first. */
const most = 32;

/**
 * In batches, in order; processes with one memory, and threads of one process, are in different ones. Preconditions: all are
 * ptrace-stopped. @throws GodwitError of the first that failed, after all of its batch are stopped again
 */
export function runLives(errands: Iterable<LiveErrand>): void {
  let batch: { live: LiveProcess; tid: number; program: Program; read: (outcome: Outcome) => void }[] = [];
  const taken = new Set<ArrayBuffer>();
  const flush = (): void => {
    if (batch.length === 0) return;
    signOfLife();
    const runs = batch.map(({ live, tid, program }) => live.load(program, tid));
    const results = new Int32Array(runs.length);
    native.runLives(
      Int32Array.from(runs, ({ tid }) => tid),
      Float64Array.from(runs, ({ base }) => base),
      runs.map(({ memory }) => memory),
      runs[0]?.offset ?? 0,
      Float64Array.from(runs, ({ count }) => count),
      results,
    );
    batch.forEach(({ live, program, read }, i) => {
      read(live.outcome(program, results[i] ?? 0));
    });
    batch = [];
    taken.clear();
  };
  for (const { live, tid = live.pid, build } of errands) {
    if (batch.length === most || taken.has(live.memory)) flush();
    const program = new Program();
    const read = build(program);
    batch.push({ live, tid, program, read });
    taken.add(live.memory);
  }
  flush();
}
