// The freeze and the dump of a small tree of our own, as often as one likes: of the real ones the code is then compiled, and optimised.
import { performance } from 'node:perf_hooks';
import { updateOf } from '../images/layout-update.ts';
import type { TreeState } from '../images/state.ts';
import { GodwitError } from '../errors.ts';
import { encodeMessage } from '../transport/messages.ts';
import { dumpState, guardPages, stalePages } from './dump.ts';
import { FileIdentities } from './file-identities.ts';
import { Flight, type FlightFence } from './flight.ts';
import { Frozen } from './freeze.ts';
import { InFlight, prepareOpenFiles } from './open-files.ts';
import type { ChosenTracker } from './trackers/choose.ts';

const options = {
  tcpClose: false,
  skipInFlight: false,
  moving: new Set<string>(),
  forwarded: new Set<string>(),
  externals: [],
};

export class RehearsedDump implements Disposable {
  readonly #fence: FlightFence;
  readonly #flight: Flight;
  readonly #identities = new FileIdentities();
  #state: TreeState | undefined;

  /** `root`: of a tree that nobody minds being stopped. @throws GodwitError */
  constructor(root: number, tracker: ChosenTracker) {
    this.#fence = {
      rescan: () => [root],
      pids: () => this.#flight.living.map(({ pid }) => pid),
      freeze: () => undefined,
      thaw: () => undefined,
    };
    const flight = new Flight(root, this.#identities, this.#fence, { undoPoke: () => 0 }, tracker);
    this.#flight = flight;
    for (const process of flight.refresh()) flight.takeAboard(process, false);
    const vmasOf = flight.readVmas();
    for (const process of flight.owners) flight.of(process).copy.arm(vmasOf.get(process.pid) ?? []);
  }

  /** Of the last dump. */
  get state(): TreeState {
    if (this.#state === undefined) throw new GodwitError('INTERNAL', 'no rehearsal at all');
    return this.#state;
  }

  /** Once. Returns milliseconds. @throws GodwitError */
  run(): number {
    const flight = this.#flight;
    const prepared = prepareOpenFiles(flight.living, this.#identities, { externals: [] });
    const began = performance.now();
    using _frozen = Frozen.freeze(flight, this.#fence);
    const vmasOf = flight.readVmas();
    for (const process of flight.owners) flight.of(process).copy.collect(vmasOf.get(process.pid) ?? [], true);
    using inFlight = new InFlight('frozen');
    const dumped = dumpState({
      flight,
      vmasOf,
      identities: this.#identities,
      prepared,
      inFlight,
      options,
      lateObject: () => undefined,
    });
    const pages = {
      stale: stalePages(flight, vmasOf),
      guards: guardPages(flight, vmasOf),
    };
    const layout = flight.layout(flight.processes, vmasOf);
    const state = { ...dumped, ...pages, missing: [], addresses: [] };
    encodeMessage({ type: 'final', layout: updateOf(this.#state?.layout, layout), state, lastSequence: 0 });
    this.#state = { layout, ...state };
    return performance.now() - began;
  }

  [Symbol.dispose](): void {
    this.#flight[Symbol.dispose]();
  }
}
