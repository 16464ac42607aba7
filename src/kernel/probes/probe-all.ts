// `godwit check` of this host: every probe once, remembered for as long as this agent runs, and what they come to.
import { setImmediate } from 'node:timers/promises';
import { bootId } from '../boot-id.ts';
import type { Outcome, Probe, ProbeReport } from './report.ts';
import { probes } from './table.ts';
import { isSwitchedOff } from './without.ts';

// In memory only: what a kernel can do changes with the boot, what we may do with the user.
const known = new Map<string, Outcome>();

/** Some 100 ms in all; between two probes other work of this agent gets its turn. */
export async function probeAll(): Promise<ProbeReport[]> {
  const reports: ProbeReport[] = [];
  for (const probe of probes) {
    reports.push(reportOf(probe));
    await setImmediate();
  }
  return reports;
}

function reportOf(probe: Probe): ProbeReport {
  const outcome: Outcome = isSwitchedOff(probe.name)
    ? { ok: false, reason: 'switched off by GODWIT_WITHOUT' }
    : remembered(probe);
  const { name, what, requiredFor, cost } = probe;
  const result = outcome.ok ? 'ok' : 'missing';
  return {
    name,
    what,
    result,
    detail: outcome.ok ? (outcome.figure ?? '') : outcome.reason,
    requiredFor,
    cost,
  };
}

function remembered(probe: Probe): Outcome {
  const key = `${bootId()} ${process.geteuid?.() ?? 0} ${probe.name}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const outcome = probe.run();
  known.set(key, outcome);
  return outcome;
}

export interface Verdict {
  /** Trees can be moved from and to this host. */
  readonly ok: boolean;
  /** For a person; "Looks good." and nothing else when all that matters is there. */
  readonly text: string;
}

/** What keeps trees from moving. Who cannot choose PIDs on this host may do it in a user namespace of its own. */
export function missingOf(reports: readonly ProbeReport[]): ProbeReport[] {
  const canNest = reports.some(({ name, result }) => name === 'new-user-namespace' && result === 'ok');
  return reports.filter(
    ({ name, result, requiredFor }) =>
      result === 'missing' && requiredFor === 'migration' && !(canNest && name === 'clone3-set-tid'),
  );
}

/** What the reports come to. */
export function verdict(reports: readonly ProbeReport[]): Verdict {
  const missing = reports.filter(({ result }) => result === 'missing');
  const required = missingOf(reports);
  if (required.length > 0) {
    const list = required.map(({ name, detail }) => `${name} (${detail})`).join(', ');
    const hint = required.some(({ detail }) => /^E(PERM|ACCES)\b/.test(detail)) ? ' Run it as root.' : '';
    return { ok: false, text: `Trees cannot be moved from or to this host: ${list}.${hint}` };
  }
  const isMissing = (...names: string[]): boolean => missing.some(({ name }) => names.includes(name));
  if (isMissing('pagemap-scan', 'userfaultfd-wp-async') && isMissing('soft-dirty', 'page-frames')) {
    return {
      ok: true,
      text: 'Looks good, but slow: without dirty tracking each round reads all memory to compare it.',
    };
  }
  if (isMissing('clone3-set-tid'))
    return { ok: true, text: 'Looks good, for trees of this user: they arrive in namespaces of their own.' };
  return { ok: true, text: 'Looks good.' };
}
