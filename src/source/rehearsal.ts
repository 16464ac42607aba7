// A rehearsal: the freeze, the dump and the landing of a small tree of our own, right before the real one. JavaScript is compiled
// and optimised by being run, and what is run for the first time while a tree stands still prolongs its downtime: cold, these
// paths take several times as long as warm. Nothing of the real tree is touched; a rehearsal that fails changes nothing.
// The actors are a Node with what a server has: threads, epoll, eventfds, pipes, sockets, children.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { asGodwitError, GodwitError } from '../errors.ts';
import { keepDescriptors } from '../kernel/close-on-exec.ts';
import { readComm } from '../kernel/proc/comm.ts';
import { warmDecoder } from '../transport/warm-decoder.ts';
import type { Pace } from './costs.ts';
import { RehearsedDump } from './rehearsed-dump.ts';
import type { Wire } from './wire.ts';
import { treeClocks } from './staged-layout.ts';
import type { ChosenTracker } from './trackers/choose.ts';

const lifeMs = 120_000;
const readyWithinMs = 30_000;
const readyName = 'actor';
/** They live as long as they are wanted, however slow the machine, and end by themselves soon should we be killed. */
const script = `
  const { spawn } = require('node:child_process');
  const began = performance.now();
  setInterval(() => {
    if (process.ppid !== ${process.pid} || performance.now() - began > ${lifeMs}) process.kill(-process.pid, 'SIGKILL');
  }, 500);
  spawn('sh', ['-c', 'sleep ${lifeMs / 1000} | sleep ${lifeMs / 1000}'], { stdio: ['pipe', 'ignore', 'ignore'] });
  require('node:net').createServer().listen(0, '127.0.0.1', () => { process.title = '${readyName}'; });
`;
/** Dumps before the target gets the state of the actors; more follow while it is at its own half. */
const repeats = 3;
const mostRepeats = 40;
/** As many as there mostly are in all. */
const repeatsAlone = 25;
/** Nothing waits for it, and the target cannot take it back once it has begun. */
const timeoutMs = 60_000;

export interface Rehearsed {
  /** How fast it went; undefined: it did not work. */
  readonly pace?: Pace;
  /** Why it did not, for a log. */
  readonly problem?: string;
}

/**
 * `landings`: how often the target is to build it. @throws GodwitError when the target does not come back from its half: it is not ready for anything else then
 */
export async function rehearse(wire: Wire, tracker: ChosenTracker, landings: number): Promise<Rehearsed> {
  const actors = new Actors();
  let isTargetAtIt = false;
  try {
    const root = await actors.ready();
    using dump = new RehearsedDump(root, tracker);
    let dumpMs = fastestOf(repeats, dump);
    isTargetAtIt = true;
    wire.control.send({ type: 'rehearse', state: dump.state, clocks: treeClocks(root), landings });
    warmDecoder('target');
    const answer = wire.control.expect('rehearsed', { timeoutMs, signal: wire.signal });
    const { ms } = await meanwhile(answer, landings === 1 ? 0 : mostRepeats, () => {
      dumpMs = Math.min(dumpMs, dump.run());
    });
    return ms === undefined ? {} : { pace: { dumpMs, prepareMs: ms } };
  } catch (error) {
    if (wire.signal.aborted || isTargetAtIt) throw error;
    return { problem: asGodwitError(error).message };
  } finally {
    actors.end();
  }
}

/** The source's half alone. Returns what the fastest dump took, milliseconds. @throws GodwitError */
export async function measurePace(tracker: ChosenTracker): Promise<number> {
  const actors = new Actors();
  try {
    using dump = new RehearsedDump(await actors.ready(), tracker);
    return fastestOf(repeatsAlone, dump);
  } finally {
    actors.end();
  }
}

function fastestOf(times: number, dump: RehearsedDump): number {
  return Math.min(...Array.from({ length: times }, () => dump.run()));
}

/** Works again and again, at most so often, until the answer has come. */
async function meanwhile<T>(answer: Promise<T>, most: number, work: () => void): Promise<T> {
  let isOver = false as boolean;
  const end = (): void => {
    isOver = true;
  };
  answer.then(end, end);
  for (let i = 0; i < most && !isOver; i++) {
    work();
    await setImmediate();
  }
  return answer;
}

class Actors {
  readonly #child;

  constructor() {
    keepDescriptors(); // the dump would refuse a pipe of a stranger
    this.#child = spawn(process.execPath, ['-e', script], { stdio: 'ignore', detached: true, cwd: '/' });
  }

  /** Returns the PID of the first of them. */
  async ready(): Promise<number> {
    await once(this.#child, 'spawn');
    const pid = this.#child.pid ?? 0;
    for (let waitedMs = 0; readComm(pid) !== readyName; waitedMs += 5) {
      if (waitedMs > readyWithinMs) throw new GodwitError('TIMEOUT', 'the actors do not come on stage');
      await sleep(5);
    }
    return pid;
  }

  /** On a slow machine they may have come to their own end, and that must not be the migration's. */
  end(): void {
    const group = this.#child.pid;
    try {
      if (group !== undefined) process.kill(-group, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
