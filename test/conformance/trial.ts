// One trial: a workload in one variant is started, moved to the other host and back, and asked for its verdict.
import { existsSync } from 'node:fs';
import { sleep, until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { readClaims, whyNotHere, type WorkloadHead } from '../helpers/workload-head.ts';
import { startWorkload, type RunningWorkload } from '../helpers/workloads.ts';
import type { Flavour } from './options.ts';
import { takePid } from './take-pid.ts';

export type Variant = 'rest' | 'motion';
export type Outcome = 'carried' | 'refused' | 'failed' | 'skipped';

export interface Trial {
  readonly head: WorkloadHead;
  readonly variant: Variant;
}

export interface ClaimResult {
  readonly trial: Trial;
  readonly claim: string;
  readonly outcome: Outcome;
  /** Why, unless it is carried. */
  readonly why: string;
}

export interface TrialContext {
  readonly a: Host;
  readonly b: Host;
  readonly flavour: Flavour;
}

/** A user that no workload becomes by itself. */
export const plainUser = 65534;
/** Has no name, and is not nobody, who stands for all that a user namespace does not map. */
export const rootlessUser = 4242;
/** Time to work on each host: a variant in motion must have moved something there. */
const workMs = 100;

/** Never rejects: whatever goes wrong is a failure of all its claims. */
export async function runTrial(trial: Trial, context: TrialContext): Promise<ClaimResult[]> {
  const all = (outcome: Outcome, why: string): ClaimResult[] =>
    trial.head.claims.map(({ name }) => ({ trial, claim: name, outcome, why }));
  if (['user', 'rootless'].includes(context.flavour) && trial.head.needsRoot)
    return all('skipped', 'it needs the rights of root to set itself up');
  const missing = whyNotHere(trial.head);
  if (missing !== undefined) return all('skipped', missing);
  let workload: RunningWorkload | undefined;
  try {
    const { a, b } = context;
    workload = await startWorkload(a, trial.head.name, undefined, {
      env: trial.variant === 'motion' ? { WORKLOAD_MOTION: '1' } : {},
      ...(context.flavour === 'user' ? { user: String(plainUser) } : {}),
    });
    const trouble = await thereAndBack(workload, context);
    if (trouble !== undefined) {
      for (const host of [a, b]) endEverywhere(host, workload); // it must not take the others' time
      return all(trouble.outcome, trouble.why);
    }
    return await verdicts(trial, whereabouts(a, workload, context.flavour === 'rootless'), workload);
  } catch (error) {
    const said = workload === undefined ? '' : `; it said: ${workload.log().slice(-500)}${workload.errors()}`;
    return all('failed', `${error instanceof Error ? error.message : String(error)}${said}`);
  }
}

type Trouble = Pick<ClaimResult, 'outcome' | 'why'>;

async function thereAndBack(
  workload: RunningWorkload,
  { a, b, flavour }: TrialContext,
): Promise<Trouble | undefined> {
  await sleep(workMs);
  const taken = flavour === 'pidns' ? await takePid(b, workload.pid) : undefined;
  // A stranger who had the number for long may be gone by now.
  const mayBeOutside = flavour !== 'rootless' && taken === undefined;
  const there = await move(a, b, workload.pid);
  if (taken !== undefined) b.kill(taken);
  if (there !== undefined) return there;
  await sleep(workMs);
  const pid = b.nestedPid(workload.pid, workload.name) ?? (mayBeOutside ? workload.pid : undefined);
  if (pid === undefined)
    return { outcome: 'failed', why: `it is in no new PID namespace of ${b.name}, or not there at all` };
  const back = await move(b, a, pid);
  if (back !== undefined) return back;
  await sleep(workMs);
  return undefined;
}

async function move(from: Host, to: Host, pid: number): Promise<Trouble | undefined> {
  const result = await from.migrate(pid, to);
  if (result.code === 0) return undefined;
  const said = `${result.stdout}\n${result.stderr}`.trim().slice(-1500);
  // What needs rights may come into being under way: then the tree goes on where it was, and the right is named.
  const lacksRight = said.includes('"code":"NO_RIGHTS"') && /only CAP_/.test(said);
  if (result.code === 3 || lacksRight) return { outcome: 'refused', why: said };
  return {
    outcome: 'failed',
    why: `migrate from ${from.name} to ${to.name}: ${String(result.code ?? result.signal)}: ${said} ${heard(to, said)}`,
  };
}

/** What the target's agent said about the migration that `said` names. */
function heard(target: Host, said: string): string {
  const id = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(said)?.[0];
  const { spawned } = target.receiver ?? {};
  if (id === undefined || spawned === undefined) return '';
  const lines = `${spawned.log()}${spawned.errors()}`.split('\n').filter((line) => line.includes(id));
  return `(target: ${lines.slice(-8).join('; ')})`;
}

/** Its PID as the test sees it; `nested`: it must be in a PID namespace of its own, where else it is when it met IDs of others. */
function whereabouts(host: Host, workload: RunningWorkload, nested: boolean): number {
  const inside = host.nestedPid(workload.pid, workload.name);
  const pid = inside ?? (nested ? undefined : workload.pid);
  if (pid === undefined)
    throw new Error(`${workload.name} is in no PID namespace of its own on ${host.name}`);
  return host.outsidePid(pid);
}

function endEverywhere(host: Host, workload: RunningWorkload): void {
  for (const pid of [workload.pid, host.nestedPid(workload.pid, workload.name)])
    if (pid !== undefined) host.kill(pid);
}

async function verdicts(trial: Trial, outside: number, workload: RunningWorkload): Promise<ClaimResult[]> {
  process.kill(outside, 'SIGUSR1');
  const ended = await until('its end', () => !existsSync(`/proc/${outside}`), 60_000, 50).catch(() => false);
  if (!ended) process.kill(outside, 'SIGKILL');
  const output = workload.log();
  const said = readClaims(output);
  const rest = output
    .replaceAll(/^(claim .*|ready)\n/gm, '')
    .trim()
    .slice(-300);
  const silence = ended ? `nothing was heard of it; the workload said: ${rest}` : 'the workload did not end';
  return trial.head.claims.map(({ name }) => {
    const verdict = said.get(name);
    return verdict === 'ok'
      ? { trial, claim: name, outcome: 'carried', why: '' }
      : { trial, claim: name, outcome: 'failed', why: verdict ?? silence };
  });
}
