// Where a bench says how it stands with a goal (lib/goals.ts), and how each flight went: a JSON line each in the file that GODWIT_BENCH_ROWS
// names, which bench/run.ts reads. Without that variable nothing is kept; what a bench prints besides is its own affair.
import { appendFileSync, readFileSync } from 'node:fs';
import { goals, isMet, type Goal, type GoalName } from './goals.ts';
import { fixed } from './statistics.ts';

/** The name of the variable. */
export const rowsVariable = 'GODWIT_BENCH_ROWS';

export interface GoalRow extends Goal {
  readonly kind: 'goal';
  readonly goal: GoalName;
  readonly value: number;
  readonly met: boolean;
  /** Under which it was measured: sizes, how many runs. */
  readonly conditions: string;
  /** It was measured on something smaller than the goal speaks of. */
  readonly reduced: boolean;
}

export interface FlightRow {
  readonly kind: 'flight';
  readonly what: string;
  readonly downtimeMs: number;
  readonly predictedMs: number;
}

export interface RowOptions {
  readonly conditions: string;
  readonly reduced?: boolean;
}

/** @throws Error for a value that is no number: nothing was measured then. */
export function goalRow(goal: GoalName, value: number, { conditions, reduced = false }: RowOptions): GoalRow {
  if (!Number.isFinite(value)) throw new Error(`${goal}: nothing was measured`);
  const made: Goal = goals[goal];
  return { kind: 'goal', goal, ...made, value, met: isMet(made, value), conditions, reduced };
}

export function reportGoal(goal: GoalName, value: number, options: RowOptions): void {
  const row = goalRow(goal, value, options);
  keep(row);
  console.log(`goal: ${row.what}: ${fixed(value)} ${row.unit} (${row.side} ${row.limit}): ${metText(row)}`);
}

/** The closing report of `migrate --json`, for the goal that predictions hold. */
export function reportFlight(what: string, report: Readonly<Record<string, unknown>>): void {
  const [downtimeMs, predictedMs] = [Number(report['downtime']), Number(report['expected-downtime'])];
  keep({ kind: 'flight', what, downtimeMs, predictedMs });
}

function keep(row: GoalRow | FlightRow): void {
  const file = process.env[rowsVariable];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(row)}\n`);
}

export function readRows(file: string): (GoalRow | FlightRow)[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as GoalRow | FlightRow);
}

export function metText({ met, reduced }: Pick<GoalRow, 'met' | 'reduced'>): string {
  return `${met ? 'met' : 'missed'}${reduced ? ', on less' : ''}`;
}
