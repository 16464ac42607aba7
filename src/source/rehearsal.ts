// A rehearsal: the freeze, the dump and the landing of a small tree of our own, right before the real one. JavaScript is compiled
// and optimised by being run, and what is run for the first time while a tree stands still prolongs its downtime: cold, these
// paths take several times as long as warm. Nothing of the real tree is touched; a rehearsal that fails changes nothing.
// The actors are a Node with what a server has: threads, epoll, eventfds, pipes, sockets, children.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { asGodwitError, GodwitError } from '../errors.ts';
import { updateOf } from '../images/layout-update.ts';
import type { TreeState } from '../images/state.ts';
import { keepDescriptors } from '../kernel/close-on-exec.ts';
import { readComm } from '../kernel/proc/comm.ts';
import { encodeMessage } from '../transport/messages.ts';
import { warmDecoder } from '../transport/warm-decoder.ts';
import type { Pace } from './costs.ts';
import { dumpState, guardPages, sealedMappings, stalePages } from './dump.ts';
import { FileIdentities } from './file-identities.ts';
import { Flight, type FlightFence } from './flight.ts';
import { Frozen } from './freeze.ts';
import { InFlight, prepareOpenFiles } from './open-files.ts';
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
const repeats = 3;
/** Nothing waits for it, and the target cannot take it back once it has begun. */
const timeoutMs = 60_000;

export interface Rehearsed {
  /** How fast it went; undefined: it did not work. */
  readonly pace?: Pace;
  /** Why it did not, for a log. */
  readonly problem?: string;
}

/**
 * @throws GodwitError when the target does not come back from its half: it is not ready for anything else then
 */
export async function rehearse(wire: Wire, tracker: ChosenTracker): Promise<Rehearsed> {
  const actors = new Actors();
  let isTargetAtIt = false;
  try {
    const root = await actors.ready();
    const { state, dumpMs } = rehearseDump(root, tracker);
    isTargetAtIt = true;
    wire.control.send({ type: 'rehearse', state, clocks: treeClocks(root) });
    warmDecoder('target');
    const { ms } = await wire.control.expect('rehearsed', { timeoutMs, signal: wire.signal });
    return ms === undefined ? {} : { pace: { dumpMs, prepareMs: ms } };
  } catch (error) {
    if (wire.signal.aborted || isTargetAtIt) throw error;
    return { problem: asGodwitError(error).message };
  } finally {
    actors.end();
  }
}

/** The source's half alone. Returns what the last dump took, milliseconds. @throws GodwitError */
export async function measurePace(tracker: ChosenTracker): Promise<number> {
  const actors = new Actors();
  try {
    return rehearseDump(await actors.ready(), tracker).dumpMs;
  } finally {
    actors.end();
  }
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

function rehearseDump(root: number, tracker: ChosenTracker): { state: TreeState; dumpMs: number } {
  const identities = new FileIdentities();
  const fence: FlightFence = {
    rescan: () => [root],
    pids: () => pidsOf(flight),
    freeze: () => undefined,
    thaw: () => undefined,
  };
  using flight = new Flight(root, identities, fence, { undoPoke: () => 0 }, tracker);
  for (const process of flight.refresh()) flight.takeAboard(process, false);
  for (const [pid, vmas] of flight.readVmas())
    for (const process of flight.owners) if (process.pid === pid) flight.of(process).copy.arm(vmas);
  let state: TreeState | undefined;
  let dumpMs = Infinity;
  for (let i = 0; i < repeats; i++) {
    const prepared = prepareOpenFiles(flight.living, identities, { externals: [] });
    const began = performance.now();
    using _frozen = Frozen.freeze(flight, fence);
    const vmasOf = flight.readVmas();
    for (const process of flight.owners)
      flight.of(process).copy.collect(vmasOf.get(process.pid) ?? [], i === repeats - 1);
    using inFlight = new InFlight('frozen');
    const lateObject = (): undefined => undefined;
    const dumped = dumpState({
      flight,
      identities,
      prepared,
      inFlight,
      options: {
        tcpClose: false,
        skipInFlight: false,
        moving: new Set(),
        forwarded: new Set(),
        externals: [],
      },
      lateObject,
    });
    const pages = {
      stale: stalePages(flight, vmasOf),
      guards: guardPages(flight, vmasOf),
      sealed: sealedMappings(flight, vmasOf),
    };
    state = { layout: flight.layout(flight.processes, vmasOf), ...dumped, ...pages, addresses: [] };
    const { layout, ...rest } = state;
    encodeMessage({ type: 'final', layout: updateOf(layout, layout), state: rest, lastSequence: 0 });
    dumpMs = Math.min(dumpMs, performance.now() - began);
  }
  if (state === undefined) throw new Error('no rehearsal at all');
  return { state, dumpMs };
}

function pidsOf(flight: Flight): number[] {
  return flight.living.map(({ pid }) => pid);
}
