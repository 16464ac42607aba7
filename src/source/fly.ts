// The flight itself: everything between a check that found nothing and a tree that runs on the target. Whatever fails before
// COMMIT leaves the tree running here, within milliseconds; the keeper does the same when this process dies.
import { performance } from 'node:perf_hooks';
import { collectYoung } from '../kernel/collect-garbage.ts';
import { Fence } from '../kernel/fence.ts';
import { appendHistory, Journal } from '../kernel/journal.ts';
import { thisAgent } from '../kernel/agent-record.ts';
import { Keeper } from '../kernel/keeper.ts';
import { closingReport } from './closing-report.ts';
import { ConnectionLocks } from './connection-locks.ts';
import { fixedCosts } from './costs.ts';
import { deliver, sendLate } from './deliver.ts';
import { dumpState, guardPages, practiseDump, stalePages } from './dump.ts';
import { Flight } from './flight.ts';
import { Departure, type Forward } from './forwarding/departure.ts';
import { Frozen } from './freeze.ts';
import { freezeBetweenEvents } from './freeze-between-events.ts';
import type { FlightPlan } from './flight-plan.ts';
import { AddressesAway, movedAddresses, MovingAddresses } from './moving-addresses.ts';
import { ObjectCopies } from './object-copies.ts';
import { closeConnections, InFlight, prepareOpenFiles } from './open-files.ts';
import { addCounters } from './pages/page-sink.ts';
import { refuseSharedQueues, removeQueueNamesAtEnd } from './resources/queue-names.ts';
import { openFileOptions } from './requirements.ts';
import { rehearse } from './rehearsal.ts';
import { TravellingNetwork } from './network/travelling.ts';
import { PostCopy } from './post-copy/post-copy.ts';
import { PreCopy, type CostsOf, type FlightContext, type PreCopied } from './pre-copy.ts';
import type { ClosingReport } from './report.ts';
import { recordOf } from '../transport/security.ts';
import { resolverCommand } from './resolver-command.ts';
import { copyRound } from './rounds.ts';
import { endSource, keeperGone, takeBack, type Ground } from './take-back.ts';
import { refusePlaceholders } from './layout.ts';
import { SegmentCapture } from './segment-capture.ts';
import { StagedLayout } from './staged-layout.ts';
import { noSlowing, SlowWriters } from './slow-writers.ts';
import { cutFarewells, settleFarewells, settleHandshakes } from './settle-sockets.ts';
import { removeSetsAtEnd } from './sysv/semaphores.ts';
import { removeQueuesAtEnd } from './sysv/queues.ts';
import { refuseOutsideAttachments, removeSegmentsAtEnd } from './sysv/segments.ts';
import { chooseTracker } from './trackers/choose.ts';
import { TreeSizer } from './tree-size.ts';

export interface Flown {
  readonly report: ClosingReport;
  /** Connections that this host forwards. */
  readonly forward: Forward | undefined;
}

export async function flyTree(plan: FlightPlan): Promise<Flown> {
  const { id } = plan;
  const keeper = await Keeper.start({ role: 'source', id, resolver: resolverCommand(id) });
  const { word } = keeper;
  using journal = Journal.open(keeper.dir, id, 'source');
  journal.peerBootId = plan.peerBootId;
  const { address, host, port } = plan.endpoint;
  journal.write('OPEN', {
    agent: thisAgent(),
    pid: plan.pid,
    endpoint: { address, host, port },
    security: recordOf(plan.security),
  });
  const ground: Ground = { keeper, word, journal, mayStandThere: false };
  let isUnderWay = true;
  void keeper.process?.ended.then(() => {
    // Nobody would clean up behind this agent. Its own end the keeper has with every other word.
    if (isUnderWay && (word.state === 'OPEN' || word.state === 'FENCED')) plan.giveUp(keeperGone(id));
  });
  try {
    const flown = await takeOff(plan, ground);
    appendHistory({ id, role: 'source', state: 'moved', pid: plan.pid, to: `${host}:${port}` });
    plan.observer(flown.report);
    return flown;
  } catch (error) {
    if (word.state !== 'COMMITTED') await takeBack(plan, ground, error);
    throw error;
  } finally {
    isUnderWay = false;
    await keeper.close();
  }
}

async function takeOff(plan: FlightPlan, ground: Ground): Promise<Flown> {
  const { survey, wire, observer } = plan;
  const tracker = chooseTracker(plan.tracker);
  const pids = survey.processes.filter(({ zombie }) => zombie === undefined).map(({ pid }) => pid);
  using fence = Fence.around(plan.id, pids, ground.keeper);
  using flight = new Flight(plan.pid, survey.identities, fence, ground.keeper, tracker);
  using objects = new ObjectCopies(flight.layouts);
  await using postCopy = await PostCopy.begin(plan, flight);
  const staged = new StagedLayout(wire);
  const context = { flight, objects, wire, staged, later: postCopy?.pages };
  const what = `${pids.length} ${pids.length === 1 ? 'process' : 'processes'}`;
  const text = `copying ${what} to ${plan.endpoint.host} (migration ${plan.id}, tracker ${tracker.kind})`;
  observer({ kind: 'phase', phase: 'pre-copy', text });
  const { pace, problem } = await rehearse(wire, tracker, plan.rehearsals);
  if (problem !== undefined) observer({ kind: 'warning', text: `the rehearsal did not work: ${problem}` });
  const sizer = new TreeSizer();
  const costsOf: CostsOf = (vmasOf) => fixedCosts(sizer.sizeOf(flight.living, vmasOf), pace);
  const slowing = plan.autoConverge ? new SlowWriters(flight, plan.goals) : noSlowing;
  const preCopy = new PreCopy(context, observer, costsOf, slowing);
  const copied = await preCopy.run(plan.goals, plan.giveUp);
  return await land(plan, ground, context, preCopy, copied, fence, postCopy);
}

/** The tree stands still from the first line to the last: nothing here waits for what could have been done before. */
async function land(
  plan: FlightPlan,
  ground: Ground,
  context: FlightContext,
  preCopy: PreCopy,
  copied: PreCopied,
  fence: Fence,
  postCopy: PostCopy | undefined,
): Promise<Flown> {
  const { keeper, word, journal } = ground;
  const { wire, survey } = plan;
  const { identities } = survey;
  const { flight, objects, staged } = context;
  const warn = (text: string): void => {
    plan.observer({ kind: 'warning', text });
  };
  using network = TravellingNetwork.visit(plan.pid, plan.links, keeper, warn);
  const options = openFileOptions(plan.pid, plan);
  if (await settleFarewells(options.moving)) await preCopy.again();
  const prepared = prepareOpenFiles(flight.living, identities, options);
  practiseDump({ flight, prepared, options });
  refuseSharedQueues(prepared.queues, flight.living);
  const addresses = new MovingAddresses(plan.moves);
  using forwarding = Departure.of(plan, options.forwarded);
  using capture = new SegmentCapture(
    network?.addresses ?? forwarding?.addresses ?? addresses.addresses,
    warn,
  );
  await preCopy.againIfWorth(plan.goals);
  collectYoung();
  using listeners = new ConnectionLocks(keeper, warn);
  if (!options.tcpClose) await settleHandshakes(flight.living, listeners);
  plan.observer({ kind: 'phase', phase: 'freeze', text: `freezing: ${copied.reason}` });
  wire.link.mustHold();
  using frozen = freezeBetweenEvents(prepared.watchers, () => Frozen.freeze(flight, fence));
  const stoppedAt = performance.now();
  wire.flow.freeze(wire.pages);
  using connections = new ConnectionLocks(keeper, warn);
  using away = network?.away() ?? new AddressesAway(addresses, keeper, warn);
  capture.restart();
  const later = copied.postCopy ? context.later : undefined;
  const delta = await copyRound({ ...context, later }, preCopy.rounds.length, true);
  await wire.pages.departed();
  refuseOutsideAttachments(delta.vmasOf.values());
  const deltaAt = performance.now();
  using inFlight = new InFlight('frozen');
  const state = dumpState({
    flight,
    vmasOf: delta.vmasOf,
    identities,
    prepared,
    inFlight,
    options,
    lateObject: (object) => objects.late(object),
    locks: {
      lock: (fds) => {
        forwarding?.keep(fds);
        return connections.lock(fds);
      },
      lockListener: (fd, inode) => {
        listeners.lockListener(fd, inode);
      },
      fence: () => {
        frozen.fence();
      },
    },
    terminalQueues: (master) => keeper.terminalQueues(master),
    messages: (queue) => frozen.whileFenced(() => keeper.messages(queue)),
  });
  forwarding?.know(state.openFiles, capture);
  if (objects.hasLate) {
    await staged.update(flight, flight.living, delta.vmasOf);
    addCounters(delta, await objects.sendLate(preCopy.rounds.length, wire.pages));
  }
  const pages = {
    stale: stalePages(flight, delta.vmasOf),
    guards: guardPages(flight, delta.vmasOf),
    missing: later?.missing ?? [],
  };
  const layout = flight.layout(flight.processes, delta.vmasOf);
  refusePlaceholders(layout);
  removeSegmentsAtEnd(layout.objects, keeper);
  removeQueuesAtEnd(state.queues, keeper);
  removeQueueNamesAtEnd(state.openFiles, keeper);
  removeSetsAtEnd(state.semaphores, keeper);
  ground.mayStandThere = true;
  wire.control.send({
    type: 'final',
    layout: staged.changesTo(layout),
    state: {
      ...state,
      ...pages,
      ...(network === undefined
        ? { addresses: movedAddresses(plan.moves) }
        : { addresses: [], network: network.tables() }),
    },
    lastSequence: wire.pages.lastSequence,
  });
  const sentAt = performance.now();
  postCopy?.record(journal);
  const { preparedAt, runningAt, targetTimes } = await deliver(plan, word, journal, frozen, {
    flight,
    state,
    inFlight,
    network: { addresses: away, leave: () => network?.leave(), capture },
  });
  const forward = forwarding?.begin(capture);
  const cut = cutFarewells(options.moving);
  if (cut > 0)
    warn(`${cut} connections that their program had closed end before the other end has everything`);
  if (plan.tcpClose) closeConnections(flight.living);
  frozen.detach();
  const bringLate = (): void => {
    sendLate(wire.control, capture, state.openFiles);
  };
  const followed = await postCopy?.finish(journal, bringLate);
  await endSource(keeper);
  bringLate();
  network?.forget();
  const report = closingReport({
    plan,
    predicted: { reason: copied.reason, downtimeMs: preCopy.predictedDowntimeMs(copied.postCopy) },
    layout,
    delta,
    rounds: preCopy.rounds,
    totals: preCopy.totals,
    targetTimes,
    forwardedConnections: forward?.connections ?? 0,
    postCopy: followed,
    marks: { frozenAt: frozen.beganAt, stoppedAt, deltaAt, sentAt, preparedAt, runningAt },
  });
  return { report, forward };
}
