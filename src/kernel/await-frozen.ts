// Waiting until a frozen cgroup stands. Each of its tasks must run once to come to its halt: on a host whose processors are all busy,
// or with a nice value, that takes its turn, and an agent that polls without a break would keep the only processor from it
// (seen on a machine with one: a task of nice 19 was not frozen within 2 s).
import { GodwitError } from '../errors.ts';
import type { CgroupDir } from './cgroup2.ts';
import { pause } from './pause.ts';
import { readStat } from './proc/stat.ts';
import { readTids } from './proc/task.ts';
import { waitsInVfork } from './vfork-wait.ts';

/** Usually it is done after 0.02 to 0.2 ms; only then is it worth giving up the processor. */
const spinMs = 0.5;
const napMs = 0.2;
/** How much longer those get that merely wait for a processor: they will come to their halt, a hanging one will not. */
const starvedFactor = 5;

export type Freezing = Pick<CgroupDir, 'path' | 'isFrozen' | 'pids'>;

/** @throws GodwitError TIMEOUT when a task hangs for so long in the kernel, or finds no processor for five times as long */
export function awaitFrozen(dir: Freezing, timeoutMs: number): void {
  const begin = performance.now();
  while (!dir.isFrozen) {
    const waited = performance.now() - begin;
    if (waited < spinMs) continue;
    if (waited > timeoutMs) {
      const moving = tasksOf(dir.pids());
      const isStarved = moving.length > 0 && moving.every(({ state }) => state === 'R');
      if (!isStarved || waited > timeoutMs * starvedFactor) throw notFrozen(dir.path, waited, moving);
    }
    pause(napMs);
  }
}

interface Moving {
  readonly tid: number;
  readonly comm: string;
  /** R: runs or waits for a processor. D: hangs in the kernel. */
  readonly state: 'R' | 'D';
}

/** The tasks that cannot have come to their halt; frozen ones are in state S, stopped ones in T or t. */
function tasksOf(pids: readonly number[]): Moving[] {
  return pids
    .flatMap((pid) => (readTids(pid) ?? []).map((tid) => readStat(pid, tid)))
    .flatMap((stat) => {
      if (stat?.state !== 'R' && stat?.state !== 'D') return [];
      return waitsInVfork(stat.pid) ? [] : [{ tid: stat.pid, comm: stat.comm, state: stat.state }];
    });
}

function notFrozen(path: string, waitedMs: number, moving: readonly Moving[]): GodwitError {
  const named = moving.slice(0, 3).map(({ tid, comm, state }) => `${tid} (${comm}, state ${state})`);
  const more = moving.length > named.length ? ` and ${moving.length - named.length} more` : '';
  const who = named.length > 0 ? `: ${named.join(', ')}${more}` : '';
  return new GodwitError(
    'TIMEOUT',
    `the processes in ${path} do not freeze within ${Math.round(waitedMs)} ms${who}`,
    {
      hint: moving.some(({ state }) => state === 'D')
        ? 'a task in state D hangs in the kernel, for example on a dead network mount'
        : 'a task in state R finds no processor: this host is overloaded',
    },
  );
}
