// The table by family, and the list of what does not hold.
import type { ClaimResult, Outcome } from './trial.ts';

const outcomes = ['carried', 'refused', 'failed', 'skipped'] as const;
const worstFirst: readonly Outcome[] = ['failed', 'refused', 'skipped', 'carried'];

/** One line a family: how many claims, and the worst that happened to each in any variant. */
export function table(results: readonly ClaimResult[]): string {
  const families = new Map<string, Map<string, Outcome>>();
  for (const { trial, claim, outcome } of results) {
    const family = families.get(trial.head.family ?? '') ?? new Map<string, Outcome>();
    families.set(trial.head.family ?? '', family);
    const name = `${trial.head.name} ${claim}`;
    const before = family.get(name) ?? 'carried';
    family.set(name, worstFirst.find((one) => one === outcome || one === before) ?? outcome);
  }
  const rows = [...families].map(([family, claims]) => row(family, [...claims.values()]));
  const all = [...families.values()].flatMap((claims) => [...claims.values()]);
  const head = ['family'.padEnd(26), 'claims', ...outcomes].map((word) => word.padStart(8)).join(' ');
  return [head, ...rows.sort(), row('all', all)].join('\n');
}

function row(name: string, claims: readonly Outcome[]): string {
  const counts = outcomes.map((outcome) => claims.filter((one) => one === outcome).length);
  return [name.padEnd(26), ...[claims.length, ...counts].map((count) => String(count).padStart(8))].join(' ');
}

/** What is not carried, each reason once with the claims that it took along. */
export function troubles(results: readonly ClaimResult[]): string[] {
  const claimsOf = new Map<string, Set<string>>();
  for (const { trial, claim, outcome, why } of results) {
    if (outcome === 'carried') continue;
    const reason = `${outcome}: ${trial.head.name} (${trial.variant}): ${why.replaceAll('\n', ' ')}`;
    claimsOf.set(reason, (claimsOf.get(reason) ?? new Set()).add(claim));
  }
  return [...claimsOf].map(([reason, claims]) => `${reason} [${[...claims].join(', ')}]`);
}
