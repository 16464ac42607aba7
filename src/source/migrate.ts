// The story of a migration, as the source tells it. Mechanics live elsewhere.
//
//   check → take off (keeper, fence, trackers) → pre-copy → freeze → final delta → fence → PREPARED → COMMIT → RUNNING → end
//
// Until COMMIT every failure ends with the tree running here as before; after it the target owns the tree.
import { randomUUID } from 'node:crypto';
import { release } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { asGodwitError, GodwitError, isPassing } from '../errors.ts';
import type { Blocker } from '../images/requirements.ts';
import { bootId } from '../kernel/boot-id.ts';
import { alignedBuffer } from '../kernel/aligned-memory.ts';
import { sealInto } from '../kernel/seal-into.ts';
import { native } from '../native.ts';
import { connectControl, connectPages } from '../transport/connect.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import { resolveEndpoint, type Endpoint } from '../transport/endpoint.ts';
import { greet } from '../transport/handshake.ts';
import { lastWordMs } from '../transport/limits.ts';
import type { Welcome } from '../transport/messages.ts';
import { plaintext, type Security } from '../transport/security.ts';
import { askTarget, survey, type PidNamespaceChoice, type Survey, type SurveyOptions } from './check.ts';
import type { MigrateOptions } from './flight-plan.ts';
import { flyTree } from './fly.ts';
import { LinkWatch } from './link-watch.ts';
import { surveyTalk } from './moving-addresses.ts';
import { PageFlow } from './page-flow/page-flow.ts';
import type { ClosingReport } from './report.ts';
import { tellTarget } from './take-back.ts';

/** Of flights that end for something that passes by itself. */
const mostTries = 3;
const againAfterMs = 100;

export interface MigrateOutcome {
  /** What stands in the way; nothing was moved when there is anything. */
  readonly blockers: readonly Blocker[];
  readonly report?: ClosingReport;
}

export async function migrate(options: MigrateOptions): Promise<MigrateOutcome> {
  const { observer } = options;
  const began = performance.now();
  const endpoint = await resolveEndpoint(options.to, '--to');
  observer({ kind: 'phase', phase: 'check', text: `checking process ${options.pid}` });
  let pidNamespace = options.pidNamespace;
  for (let tries = 1; ; tries++) {
    const found = survey(options.pid, options);
    try {
      return await attempt({ ...options, began }, endpoint, found, pidNamespace);
    } catch (error) {
      const { message } = asGodwitError(error);
      if (isPidTaken(error) && pidNamespace === 'auto') {
        // A task was born whose ID somebody has on the target: once more, where all IDs are free.
        pidNamespace = 'new';
        observer({ kind: 'warning', text: `${message}: starting over in a new PID namespace` });
      } else if (isPassing(error) && tries < mostTries && !options.signal.aborted) {
        observer({ kind: 'warning', text: `${message}: starting over` });
        await sleep(tries * againAfterMs, undefined, { signal: options.signal }).catch(() => undefined);
      } else throw error;
    }
  }
}

async function attempt(
  options: MigrateOptions & { readonly began: number },
  endpoint: Endpoint,
  found: Survey,
  pidNamespace: PidNamespaceChoice,
): Promise<MigrateOutcome> {
  const id = randomUUID();
  const given = new AbortController();
  const giveUp = (why: GodwitError): void => {
    given.abort(why);
  };
  const cancel = AbortSignal.any([options.signal, given.signal]);
  const link = new LinkWatch(options.observer, options.reconnectForMs);
  let control: ControlConnection<'source'>;
  try {
    control = await connectControl(endpoint, id, {
      security: options.security,
      signal: cancel,
      ...link.options,
    });
  } catch (error) {
    // What the source cannot give stands in the way whatever the target says.
    if (found.blockers.length > 0 && !options.signal.aborted) return { blockers: found.blockers };
    throw error;
  }
  const signal = AbortSignal.any([cancel, control.ended]);
  try {
    const welcome = await introduce(control, id, options, signal);
    const blockers = await allBlockers(options, found, control, pidNamespace, signal);
    if (blockers.length > 0 || options.dryRun) return { blockers };
    const checksum = (payload: Uint8Array): bigint => native.xxh3(payload);
    const flow = new PageFlow({
      compress: options.compress,
      bytesPerSecond: options.bandwidth,
      deltaCacheBytes: options.deltaCache,
    });
    const { reconnectForMs } = options;
    const { passage } = control;
    const ends = { checksum, allocate: alignedBuffer, signal, reconnectForMs, passage, sealInto };
    const pages = await connectPages(endpoint, id, { ...ends, ...flow.options });
    link.watch({ control, pages });
    // Only the control connection notices a link that was cut; who waits for a page to leave would wait for ever.
    control.onEnd(() => {
      pages.terminate();
    });
    // A round over a slow link may take long: an end that is asked for does not wait for it.
    cancel.addEventListener('abort', () => {
      pages.giveUp(asGodwitError(cancel.reason));
    });
    try {
      const wire = { control, pages, flow, link, signal: AbortSignal.any([signal, pages.ended]) };
      const { report, forward } = await flyTree({
        ...options,
        id,
        endpoint,
        security: passage?.session ?? plaintext,
        survey: found,
        wire,
        peerBootId: welcome.bootId,
        giveUp,
      });
      if (forward !== undefined) {
        await pages.close();
        options.onForwarding?.();
        await forward.ended;
      }
      return { blockers, report };
    } finally {
      await pages.close();
    }
  } catch (error) {
    tellTarget(control, error);
    throw await firstCause(error, cancel, control);
  } finally {
    await control.close();
  }
}

async function introduce(
  control: ControlConnection<'source'>,
  id: string,
  { security, reconnectForMs = 0 }: { readonly security: Security; readonly reconnectForMs?: number },
  signal: AbortSignal,
): Promise<Welcome> {
  const host = { bootId: bootId(), kernel: { release: release(), machine: 'x86_64' } };
  const open = security.kind === 'plaintext';
  const hello = { ...host, migrationId: id, purpose: 'migrate', plaintext: open, reconnectForMs } as const;
  return greet(control, hello, { signal });
}

async function allBlockers(
  options: Omit<SurveyOptions, 'pidNamespace'>,
  found: Survey,
  control: ControlConnection<'source'>,
  pidNamespace: PidNamespaceChoice,
  signal: AbortSignal,
): Promise<Blocker[]> {
  const asked = await askTarget(control, found, { ...options, pidNamespace }, signal);
  return [...found.blockers, ...surveyTalk(options.moves, control.localAddress), ...asked];
}

export interface CheckOptions extends Omit<SurveyOptions, 'pidNamespace'> {
  readonly pid: number;
  /** Asked too when it is given. */
  readonly to: { readonly host: string; readonly port: number } | undefined;
  readonly security: Security;
}

/** Everything that stands in the way of moving a tree; it is not disturbed. */
export async function checkTree(options: CheckOptions): Promise<readonly Blocker[]> {
  const { pid, to, security } = options;
  const found = survey(pid, { ...options, pidNamespace: 'auto' });
  if (to === undefined) return found.blockers;
  const endpoint = await resolveEndpoint(to, '--to');
  const id = randomUUID();
  const control = await connectControl(endpoint, id, { security });
  try {
    const { signal } = new AbortController();
    await introduce(control, id, { security }, signal);
    return await allBlockers(options, found, control, 'auto', signal);
  } finally {
    await control.close();
  }
}

/** Whatever broke because the operator asked for an end was cancelled; and the target knows best why it hung up. */
async function firstCause(
  error: unknown,
  cancel: AbortSignal,
  control: ControlConnection<'source'>,
): Promise<GodwitError> {
  const known = asGodwitError(error);
  if (known.code === 'IN_DOUBT') return known;
  if (cancel.aborted) return asGodwitError(cancel.reason);
  if (known.code !== 'PEER') return known;
  return Promise.race([
    new Promise<GodwitError>((resolve) => {
      control.onEnd(resolve);
    }),
    sleep(lastWordMs, known, { ref: false }),
  ]);
}

function isPidTaken(error: unknown): boolean {
  return error instanceof GodwitError && error.code === 'PID_TAKEN';
}
