// What stands in the way of a migration: on the source, and, when a target is there to be asked, on the target.
// Nothing here disturbs the tree.
import type { Blocker, Requirements } from '../images/requirements.ts';
import { GodwitError } from '../errors.ts';
import { hasOtherNetwork, inNetworkOf } from '../kernel/network-namespace.ts';
import { pause } from '../kernel/pause.ts';
import { readStatus } from '../kernel/proc/status.ts';
import { hasCapability, learnRights } from '../kernel/rights.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import { FileIdentities } from './file-identities.ts';
import { surveyAddresses } from './moving-addresses.ts';
import { findNetwork } from './network/read-network.ts';
import { mayVisit, surveyNetwork } from './network/survey-network.ts';
import { surveyOpenFiles } from './open-files.ts';
import { alive, openFileOptions, requirementsOf } from './requirements.ts';
import { ancestors, surveyTree } from './survey.ts';
import type { SurveyOptions } from './survey-options.ts';
import { inVfork } from './survey-sharing.ts';
import { readSourceTree, type SourceProcess } from './tree.ts';

export type { PidNamespaceChoice, SurveyOptions } from './survey-options.ts';

export interface Survey {
  readonly root: SourceProcess;
  readonly processes: SourceProcess[];
  readonly blockers: Blocker[];
  readonly identities: FileIdentities;
}

/** Looks at a tree. @throws GodwitError NO_PROCESS, NO_RIGHTS, REFUSED: it cannot be looked at at all. */
export function survey(pid: number, options: SurveyOptions): Survey {
  refuseAncestors(pid);
  let seen = look(pid, options);
  const lookAgain = (): void => {
    const before = new Set(seen.blockers.map(nameOf));
    const now = look(pid, options);
    seen = { ...now, blockers: now.blockers.filter((blocker) => before.has(nameOf(blocker))) };
  };
  // The tree runs: a process that forks, a server that accepts and closes show half-done things that are gone a moment later.
  for (let again = 1; again < looks && seen.blockers.length > 0; again++) lookAgain();
  for (let waits = 0; waits < 10 && seen.blockers.some(({ reason }) => reason === inVfork); waits++) {
    pause(vforkPauseMs);
    lookAgain();
  }
  return seen;
}

/** A blocker must have been seen so often, at the same object and for the same reason. */
const looks = 3;
/** A vfork must have been there for a second. */
const vforkPauseMs = 100;
const nameOf = ({ object, reason }: Blocker): string => `${object}: ${reason}`;

function look(pid: number, options: SurveyOptions): Survey {
  learnRights();
  const processes = readSourceTree(pid);
  const root = processes.find((process) => process.pid === pid);
  if (root === undefined) throw new GodwitError('NO_PROCESS', `process ${pid} ended while it was looked at`);
  refuseForeign(processes);
  const blockers = [
    ...surveyTree(processes),
    ...inNetworkOf(pid, () => surveyOpenFiles(alive(processes), openFileOptions(pid, options))),
    ...(hasOtherNetwork(pid) ? [] : surveyAddresses(options.moves)),
    ...surveyNetwork(root, processes, options),
  ];
  return { root, processes, blockers, identities: new FileIdentities(options.filePolicy) };
}

/**
 * What the target has to say to the requirements. The tree runs: what it needed a moment ago and needs no more (a temporary file
 * that is removed meanwhile) stands in nobody's way.
 */
export async function askTarget(
  control: ControlConnection<'source'>,
  found: Survey,
  options: SurveyOptions,
  signal: AbortSignal,
): Promise<Blocker[]> {
  const ask = async (requirements: Requirements): Promise<Blocker[]> => {
    control.send({ type: 'check', requirements });
    const { blockers } = await control.expect('checked', { timeoutMs: 60_000, signal });
    return blockers;
  };
  let blockers = await ask(needsOf(found, options));
  for (let again = 1; again < looks && blockers.length > 0; again++) {
    const before = new Set(blockers.map(nameOf));
    const processes = readSourceTree(found.root.pid);
    const { root, identities } = found;
    const now = await ask(needsOf({ root, processes, identities: identities.anew() }, options));
    blockers = now.filter((blocker) => before.has(nameOf(blocker)));
  }
  return blockers;
}

function needsOf(
  whose: Pick<Survey, 'root' | 'processes' | 'identities'>,
  options: SurveyOptions,
): Requirements {
  const { pid } = whose.root;
  const needs = inNetworkOf(pid, () => requirementsOf(whose, options));
  return mayVisit(pid) ? { ...needs, network: findNetwork(pid, options.links).image } : needs;
}

/** Moving a process that the agent descends from would move the agent. */
function refuseAncestors(pid: number): void {
  if (pid === process.pid || ancestors().has(pid)) {
    throw new GodwitError(
      'REFUSED',
      `process ${pid} is an ancestor of this godwit, which would be part of the tree`,
      {
        hint: 'run migrate from outside the tree, for example from another login',
      },
    );
  }
}

/** Without rights over a process nothing can be read of it. */
function refuseForeign(processes: readonly SourceProcess[]): void {
  const effective = process.geteuid?.() ?? 0;
  // Files of /proc/PID belong to its user, and are opened to write as well (mem).
  if (effective === 0 || (hasCapability('sysPtrace') && hasCapability('dacOverride'))) return;
  for (const { pid, comm } of processes) {
    const uid = readStatus(pid)?.uid[0] ?? effective;
    if (uid === effective) continue;
    throw new GodwitError(
      'NO_RIGHTS',
      `process ${pid} (${comm}) belongs to user ${uid}, and this is user ${effective} without CAP_SYS_PTRACE and CAP_DAC_OVERRIDE`,
      { hint: 'run migrate as root, or as that user' },
    );
  }
}
