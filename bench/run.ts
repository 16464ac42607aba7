// `npm run bench [-- name... --json FILE]`: every bench/*.bench.ts, or those whose names begin so, one after the other; then one table of all
// goals (lib/goals.ts), and the same as JSON. A goal that is missed is no failure; a bench that fails is.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { goalTable, goalsOf, machine, machineText, load, predictionRow } from './lib/summary.ts';
import { readRows, rowsVariable, type FlightRow, type GoalRow } from './lib/report.ts';
import { isQuick } from './lib/sizes.ts';

const { values, positionals: wanted } = parseArgs({
  options: { json: { type: 'string' } },
  allowPositionals: true,
});
const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.bench.ts'))
  .map((name) => name.slice(0, -'.bench.ts'.length))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.startsWith(part)))
  .sort();
if (names.length === 0) throw new Error(`no benchmark is named ${wanted.join(', ')}`);

interface Run {
  readonly name: string;
  readonly failed: boolean;
  readonly seconds: number;
  /** Load averages of one minute. */
  readonly loadBefore: number;
  readonly loadAfter: number;
}

const began = new Date().toISOString();
const runs: Run[] = [];
const rows: (GoalRow & { readonly bench: string })[] = [];
const flights: (FlightRow & { readonly bench: string })[] = [];
console.log(machineText(machine()));
const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-rows-'));
try {
  for (const name of names) {
    const loadBefore = load();
    console.log(`--- ${name}, load average ${loadBefore}`);
    const file = join(folder, name);
    writeFileSync(file, '');
    const path = join(import.meta.dirname, `${name}.bench.ts`);
    const at = performance.now();
    const { status } = spawnSync(process.execPath, ['--import', 'tsx', path], {
      stdio: 'inherit',
      env: { ...process.env, [rowsVariable]: file },
    });
    const seconds = Math.round((performance.now() - at) / 100) / 10;
    const failed = status !== 0;
    runs.push({ name, failed, seconds, loadBefore, loadAfter: load() });
    console.log(`--- ${name}: ${failed ? 'FAILED, ' : ''}${seconds} s, load average ${load()}`);
    for (const row of readRows(file))
      if (row.kind === 'goal') rows.push({ ...row, bench: name });
      else flights.push({ ...row, bench: name });
  }
} finally {
  rmSync(folder, { recursive: true });
}

const predicted = predictionRow(flights);
const all = goalsOf(predicted === undefined ? rows : [...rows, { ...predicted, bench: 'all flights' }]);
const failed = runs.filter((run) => run.failed).map(({ name }) => name);
console.log(`\n${machineText(machine())}${isQuick ? '; GODWIT_BENCH=quick: everything small' : ''}`);
console.log(goalTable(all));
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
if (values.json !== undefined) {
  const written = { began, quick: isQuick, machine: machine(), benches: runs, goals: all, flights };
  writeFileSync(values.json, `${JSON.stringify(written, undefined, 2)}\n`);
}
process.exitCode = failed.length > 0 ? 1 : 0;
