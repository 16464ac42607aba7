// What bench/run.ts says at the end: the machine, one table of all goals, and how well downtimes were predicted.
import Table from 'cli-table3';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { goals, type Goal, type GoalName } from './goals.ts';
import { goalRow, metText, type FlightRow, type GoalRow } from './report.ts';
import { fixed, median } from './statistics.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly architecture: string;
  readonly kernel: string;
  readonly node: string;
  readonly memoryMib: number;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    architecture: arch(),
    kernel: release(),
    node: process.version,
    memoryMib: Math.round(totalmem() / 2 ** 20),
  };
}

export function machineText({ cpu, cores, architecture, kernel, node, memoryMib }: Machine): string {
  return `${cpu} (${architecture}), ${cores} cores, ${memoryMib} MiB, Linux ${kernel}, Node ${node}`;
}

/** Of the last minute. */
export function load(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

/** A goal, and how it stands with it; null: not measured. */
export interface GoalResult extends Goal {
  readonly goal: GoalName;
  readonly value: number | null;
  readonly met: boolean | null;
  readonly reduced: boolean;
  readonly conditions: string;
  readonly bench: string | null;
}

/** One for each goal. Where it was measured more than once the last one counts. */
export function goalsOf(rows: readonly (GoalRow & { readonly bench: string })[]): GoalResult[] {
  return (Object.keys(goals) as GoalName[]).map((goal) => {
    const row = rows.findLast((row) => row.goal === goal);
    const { what, unit, limit, side }: Goal = goals[goal];
    const { value = null, met = null, reduced = false, conditions = '', bench = null } = row ?? {};
    return { goal, what, unit, limit, side, value, met, reduced, conditions, bench };
  });
}

export function goalTable(results: readonly GoalResult[]): string {
  const head = ['what', 'goal', 'measured', '', 'conditions'];
  const table = new Table({
    head,
    colWidths: [38, 20, 14, 9, 54],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const { what, unit, limit, side, value, met, reduced, conditions } of results) {
    const measured = value === null ? 'not measured' : `${fixed(value)} ${unit}`;
    const verdict = met === null ? '' : metText({ met, reduced });
    table.push([what, `${side} ${limit} ${unit}`, measured, verdict, conditions]);
  }
  return table.toString();
}

const allowedShare = 0.25;
const allowedMs = 3;

/** undefined: nothing has flown. */
export function predictionRow(flights: readonly FlightRow[]): GoalRow | undefined {
  const known = flights.filter(({ downtimeMs, predictedMs }) => Number.isFinite(downtimeMs + predictedMs));
  if (known.length === 0) return undefined;
  const good = known.filter(
    ({ downtimeMs, predictedMs }) =>
      Math.abs(downtimeMs - predictedMs) <= Math.max(allowedMs, allowedShare * downtimeMs),
  );
  const ratios = known.map(({ downtimeMs, predictedMs }) => downtimeMs / predictedMs);
  const conditions =
    `${known.length} flights of all benches; took ${fixed(median(ratios))} times what was predicted in the median, ` +
    `${fixed(Math.min(...ratios))} to ${fixed(Math.max(...ratios))}`;
  return goalRow('prediction', (100 * good.length) / known.length, { conditions });
}
