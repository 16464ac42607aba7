// Programs in several live processes at once: each answers for itself, goes on as before, and none waits for one that is gone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import type { Program } from '../../src/kernel/program.ts';
import { readProcNumbers } from '../../src/kernel/proc/read-proc.ts';
import { native } from '../../src/native.ts';
import { runLives, type LiveErrand } from '../../src/kernel/run-lives.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';

const skip = process.geteuid?.() === 0 ? false : 'ptrace and map_files need root';

/** Four threads that wait; a line on stdin ends them. */
const victim = [
  'import sys,threading',
  'done=threading.Event()',
  'threads=[threading.Thread(target=done.wait) for _ in range(3)]',
  'for thread in threads: thread.start()',
  'print("ready",flush=True)',
  'sys.stdin.readline(); done.set()',
  'for thread in threads: thread.join()',
].join('\n');

interface Victim {
  readonly pid: number;
  readonly tids: readonly number[];
  readonly end: () => Promise<unknown>;
  readonly kill: () => void;
}

async function victims(t: Test, count: number): Promise<Victim[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const child = spawn('/usr/bin/python3', ['-c', victim], { stdio: ['pipe', 'pipe', 'inherit'] });
      t.teardown(() => child.kill('SIGKILL'));
      const gone = once(child, 'exit');
      await once(child.stdout, 'data');
      const pid = child.pid ?? 0;
      const tids = readProcNumbers(pid, 'task') ?? [];
      return {
        pid,
        tids,
        end: async () => {
          child.stdin.end('\n');
          return gone;
        },
        kill: () => {
          child.kill('SIGKILL');
        },
      };
    }),
  );
}

/** Asks for the thread's ID, after so many calls of no use. */
function asking(
  live: LiveProcess | undefined,
  tid: number,
  calls: number,
  told: Map<number, number>,
): LiveErrand {
  if (live === undefined) throw new Error(`nobody to ask for ${tid}`);
  return {
    live,
    tid,
    build: (program: Program) => {
      for (let i = 0; i < calls; i++) program.call('getpid');
      const result = program.call('gettid');
      return (outcome) => {
        told.set(tid, outcome.number(result));
      };
    },
  };
}

void t.test('each thread of each process answers for itself, and all go on', { skip }, async (t) => {
  const crowd = await victims(t, 40);
  const tids = crowd.flatMap((one) => one.tids);
  t.equal(tids.length, 160);
  for (let round = 0; round < 3; round++) {
    using stopped = stopTasks(tids);
    t.equal(stopped.tids.length, tids.length);
    const lives = crowd.map(({ pid }) => LiveProcess.open(pid, pid));
    const told = new Map<number, number>();
    // Of different length, and those of one process in a row: they take turns.
    runLives(
      crowd.flatMap((one, i) =>
        one.tids.map((tid, j) => asking(lives[i], tid, (i * 7 + j * 50) % 200, told)),
      ),
    );
    t.same(
      [...told].filter(([tid, said]) => tid !== said),
      [],
    );
    t.equal(told.size, tids.length);
    for (const live of lives) live.close();
  }
  for (const { end } of crowd) t.same(await end(), [0, null]);
});

void t.test('one that is gone is told by name, after the others are stopped again', { skip }, async (t) => {
  const crowd = await victims(t, 4);
  {
    using _stopped = stopTasks(crowd.flatMap(({ tids }) => tids));
    const lives = crowd.map(({ pid }) => LiveProcess.open(pid, pid));
    const told = new Map<number, number>();
    crowd[1]?.kill(); // its parent hears of it when nobody traces its threads any more
    await sleep(50);
    const errands = crowd.map(({ pid }, i) => asking(lives[i], pid, 3, told));
    t.throws(
      () => {
        runLives(errands);
      },
      { code: 'NO_PROCESS', message: new RegExp(`process ${crowd[1]?.pid ?? 0} ended`) },
    );
    t.equal(told.size, 1, 'those before it have answered');
    told.clear();
    runLives(errands.filter((_, i) => i !== 1));
    t.equal(told.size, 3, 'and all others can be asked again');
    lives.forEach((live, i) => {
      if (i !== 1) live.close();
    });
    for (const tid of crowd[1]?.tids ?? []) native.waitStop(tid, 1000); // its tracer takes what is left of them
  }
  for (const [i, { end }] of crowd.entries()) if (i !== 1) t.same(await end(), [0, null]);
});
