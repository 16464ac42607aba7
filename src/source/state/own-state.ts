// What processes and their threads tell of themselves, all processes at once: one program in each leader (seals of its memory, its own state, and
// the leader's), then one in each other thread, of which those of one process take turns at its scratch memory.
import type { LiveProcess } from '../../kernel/live-process.ts';
import { runLives, type LiveErrand } from '../../kernel/run-lives.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { readTimers, type PosixTimerInfo } from '../../kernel/proc/timers.ts';
import { askSeals } from '../pages/sealed-ranges.ts';
import type { SourceProcess } from '../tree.ts';
import {
  askProcessState,
  askThreadState,
  type OwnProcessState,
  type OwnThreadState,
} from './kernel-state.ts';

export interface OwnState {
  readonly ofProcess: OwnProcessState;
  /** By TID, as the agent sees it. */
  readonly ofThreads: ReadonlyMap<number, OwnThreadState>;
  /** [start, length, ...]; empty for one whose memory is another's. */
  readonly sealed: readonly number[];
}

export interface Asked {
  readonly process: SourceProcess;
  readonly live: LiveProcess;
  /** Of memory of its own; undefined: it has none. */
  readonly vmas: readonly Vma[] | undefined;
}

/** By PID. Preconditions: every thread is stopped, no cgroup of the tree is frozen. @throws GodwitError */
export function readOwnStates(
  asked: readonly Asked[],
  virtualTid: (tid: number) => number,
): Map<number, OwnState> {
  const states = new Map<number, OwnState>();
  runLives(
    asked.map(({ process, live, vmas }): LiveErrand => {
      const { pid } = process;
      return {
        live,
        build: (program) => {
          const seals = vmas === undefined ? undefined : askSeals(program, live, vmas);
          const own = askProcessState(program, posixTimers(pid, virtualTid));
          const leader = askThreadState(program);
          return (outcome) => {
            states.set(pid, {
              ofProcess: own(outcome),
              ofThreads: new Map([[pid, leader(outcome)]]),
              sealed: seals?.(outcome) ?? [],
            });
          };
        },
      };
    }),
  );
  runLives(inTurn(asked.map((one) => otherThreads(one, states))));
  return states;
}

function posixTimers(pid: number, virtualTid: (tid: number) => number): PosixTimerInfo[] {
  return (readTimers(pid) ?? []).map((timer) => ({
    ...timer,
    thread: timer.thread === 0 ? 0 : virtualTid(timer.thread),
  }));
}

function otherThreads({ process, live }: Asked, states: ReadonlyMap<number, OwnState>): LiveErrand[] {
  const { pid, threads } = process;
  const others = threads.filter(({ tid }) => tid !== pid);
  return others.map(({ tid }) => ({
    live,
    tid,
    build: (program) => {
      const own = askThreadState(program);
      return (outcome) => {
        (states.get(pid)?.ofThreads as Map<number, OwnThreadState>).set(tid, own(outcome));
      };
    },
  }));
}

/** The first of each list, then the second of each, ... */
function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}
