// The story of a migration, as the target tells it. Mechanics live elsewhere.
//
//   check ... stage ... pages, rounds ... stage ...   shells follow the tree while it runs on the source
//   final     everything else; then the tree stands in a frozen cgroup, nobody traces it: PREPARED
//   commit    the tree belongs to this host: one write thaws it, RUNNING
//
// Whatever fails before PREPARED leaves nothing here. From PREPARED on the tree stands, also without this process, until
// the source says commit or abort, on this connection or by `resolve`.
import { once } from 'node:events';
import { asGodwitError, GodwitError } from '../errors.ts';
import type { Forwarding } from '../images/forwarding.ts';
import { updated } from '../images/layout-update.ts';
import type { NetworkImage } from '../images/network.ts';
import { bootId } from '../kernel/boot-id.ts';
import { readClocks, type ClockReading } from '../kernel/clocks.ts';
import { collectYoung } from '../kernel/collect-garbage.ts';
import type { SourceMessage } from '../transport/messages.ts';
import { peerOrigin } from '../transport/problem.ts';
import { warmDecoder } from '../transport/warm-decoder.ts';
import { checkRequirements } from './check.ts';
import { Arrival } from './forwarding/arrival.ts';
import { Landing } from './landing.ts';
import { TreeNetwork } from './network/tree-network.ts';
import type { PidNamespaceChoice } from './pid-namespace.ts';
import { servePostCopy } from './post-copy/session.ts';
import { rehearse } from './rehearsal.ts';
import { resolveMigration } from './resolve.ts';
import { allowed, requireAllowed } from './security/allowed.ts';
import { userCanEnter } from './security/as-user.ts';
import type { TargetContext, TargetSessions } from './session.ts';

/** How long a source may take to end its tree. */
const lastSegmentsMs = 10_000;

type Final = Extract<SourceMessage, { type: 'final' }>;
type Commit = Extract<SourceMessage, { type: 'commit' }>;

export async function receive(context: TargetContext): Promise<void> {
  const lastReply = answerClockProbes(context);
  let landing: Landing | undefined;
  context.control.handle('late', ({ segments }) => {
    landing?.bring(segments);
  });
  try {
    landing = await checkAndBegin(context, lastReply);
    if (landing === undefined) return;
    const { layout, state, lastSequence } = await followSource(context, landing);
    const whole = { ...state, layout: landing.updated(layout) };
    requireAllowed(whole, userCanEnter);
    const { times, heldLocks } = await landing.prepare(whole, lastSequence);
    context.control.send({ type: 'prepared', times, ...(heldLocks ? { heldLocks } : {}) });
  } catch (error) {
    if (landing !== undefined) throw await giveUp(context, landing, error);
    throw error;
  }
  const commit = await awaitCommit(context, landing);
  context.landed();
  await run(context, landing, commit.segments);
}

/** Answers checks until the source sends its first layout. undefined: it only wanted to know. */
async function checkAndBegin(
  context: TargetContext,
  lastReply: () => ClockReading | undefined,
): Promise<Landing | undefined> {
  const { control, hello } = context;
  const sameKernel = hello.bootId === bootId();
  let pidNamespace: PidNamespaceChoice = 'auto';
  let image: NetworkImage | undefined;
  let forwarding: Forwarding | undefined;
  let isAccepted = allowed().root;
  for (;;) {
    const message = await nextBeforeStaging(context);
    if (message === undefined) return undefined;
    if (message.type === 'check') {
      ({ pidNamespace, network: image, forwarding } = message.requirements);
      const blockers = await checkRequirements(message.requirements);
      isAccepted = blockers.length === 0 || allowed().root;
      control.send({ type: 'checked', blockers });
      setImmediate(warmDecoder, 'source'); // the source has enough to do for the while
    } else if (message.type === 'rehearse') {
      const ms = await rehearse(context, message);
      control.send({ type: 'rehearsed', ...(ms === undefined ? {} : { ms }) });
    } else if (message.type === 'stage') {
      if (!isAccepted)
        throw new GodwitError('NOT_ALLOWED', 'the target was not asked whether it takes this tree');
      const layout = updated(undefined, message.layout);
      const clocks = { source: message.clocks, here: lastReply() ?? readClocks() };
      const landing = await Landing.begin({
        context,
        sameKernel,
        pidNamespace,
        layout,
        clocks,
        network: image && makeNetwork(image, context),
        forwarding: forwarding && new Arrival(forwarding),
      });
      try {
        control.send({ type: 'staged', ms: landing.stage(layout) });
        return landing;
      } catch (error) {
        throw await giveUp(context, landing, error);
      }
    } else throw unexpected(message);
  }
}

/** From then on this agent is in there, and whatever it starts: it ends with the last of them. @throws GodwitError */
function makeNetwork(image: NetworkImage, { log }: TargetContext): TreeNetwork {
  const network = TreeNetwork.enter();
  const refused = network.follow(image);
  if (refused.length > 0)
    log('warning', `settings of its network that this host does not take: ${refused.slice(0, 5).join(', ')}`);
  return network;
}

/** A source that closes the connection before it has sent anything of the tree has only checked. */
async function nextBeforeStaging({ control, signal }: TargetContext): Promise<SourceMessage | undefined> {
  try {
    return await control.receive({ signal });
  } catch (error) {
    const gone = asGodwitError(error).code === 'PEER' && peerOrigin(error) === undefined;
    if (gone && control.state === 'ready') return undefined;
    throw error;
  }
}

/** Layouts and rounds, until the tree is frozen on the source. */
async function followSource({ control, signal }: TargetContext, landing: Landing): Promise<Final> {
  for (;;) {
    const message = await control.receive({ signal });
    if (message.type === 'final') return message;
    if (message.type === 'stage')
      control.send({ type: 'staged', ms: landing.stage(landing.updated(message.layout)) });
    else if (message.type === 'round-end') {
      const { round, lastSequence } = message;
      await landing.written(lastSequence);
      control.send({ type: 'round-acked', round, lastSequence });
      setImmediate(collectYoung); // the next message may be the last one
    } else throw unexpected(message);
  }
}

/** Returns what the source hears. What cannot be cleared away here, the keeper clears away when this agent has ended. */
async function giveUp(context: TargetContext, landing: Landing, cause: unknown): Promise<GodwitError> {
  const { control, log, migrationId } = context;
  const reason = context.explain(cause);
  // Before page connections close: a source that notices that first gives up by itself, and cannot be told any more.
  control.tell(reason);
  try {
    await landing.abandon(reason.message);
  } catch (error) {
    log('error', `migration ${migrationId}: its tree was not cleared away: ${asGodwitError(error).message}`);
  }
  return reason;
}

/** Without a word from the source the tree stands: it may have committed. */
async function awaitCommit(context: TargetContext, landing: Landing): Promise<Commit> {
  const { control, log, migrationId } = context;
  try {
    return await control.expect('commit');
  } catch (error) {
    if (peerOrigin(error)?.how === 'abort') await giveUp(context, landing, error);
    else {
      log(
        'warning',
        `migration ${migrationId} stands PREPARED without its source; godwit resolve there decides`,
      );
      context.landed();
      await landing.stand();
    }
    throw error;
  }
}

/** Also when the connection breaks just now: the source asks again by `resolve`. */
async function run(
  { control, log, migrationId }: TargetContext,
  landing: Landing,
  segments: Uint8Array | undefined,
): Promise<void> {
  const { times, ranAt } = await landing.run(segments);
  try {
    control.send({ type: 'running', times, ranMs: performance.now() - ranAt });
  } catch (error) {
    log('warning', `the tree runs; the source could not be told: ${asGodwitError(error).message}`);
  }
  await landing.cleanUp();
  const { forwarding } = landing;
  if (forwarding?.isNeeded !== true) await endOf(control);
  await landing.leave();
  await forwarding?.relay(control, migrationId);
}

/** The source brings what came to it late, and hangs up when its own tree has ended. */
async function endOf({ ended }: TargetContext['control']): Promise<void> {
  if (ended.aborted) return;
  await once(ended, 'abort', { signal: AbortSignal.timeout(lastSegmentsMs) }).catch(() => undefined);
}

/** What it returns tells the clocks that were answered last: those of the first `stage` belong to them. */
function answerClockProbes({ control }: TargetContext): () => ClockReading | undefined {
  let last: ClockReading | undefined;
  control.handle('clock-probe', ({ n }) => {
    last = readClocks();
    const { monotonic, boottime, realtime } = last;
    control.send({
      type: 'clock-reply',
      n,
      monotonicNs: monotonic,
      boottimeNs: boottime,
      realtimeNs: realtime,
    });
  });
  return () => last;
}

function unexpected(message: SourceMessage): GodwitError {
  return new GodwitError('PROTOCOL', `the source sent ${message.type} where it was not due`);
}

export const targetSessions: TargetSessions = {
  migrate: receive,
  resolve: resolveMigration,
  'post-copy': servePostCopy,
};
