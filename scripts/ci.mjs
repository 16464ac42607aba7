// What a new machine runs, after scripts/setup.sh: the check and every test, each stage under a time limit: its own, and what the
// stages before it have left over; the last one has all that is left of the hour (GODWIT_CI_BEGAN: when it began, seconds since 1970).
// The very last line is "N passed, N failed"; the exit code is 0 only when nothing failed.
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { leftovers } from './leftovers.mjs';
import { root } from './native-files.mjs';
import { filesOf, printFailures, runFiles, stages, sumOf } from './run-tests.mjs';
import { clearVmTable, printVmTable } from './vm-table.mjs';

const min = 60_000;
const plan = [
  { folders: ['unit', 'native', 'compliance', 'interop'], limitMs: 6.5 * min },
  { folders: ['programs'], limitMs: 4.75 * min },
  { folders: ['migration'], limitMs: 14 * min },
  { folders: ['conformance'], limitMs: 10 * min },
  { folders: ['faults'], limitMs: 13 * min },
  { folders: ['vm'], limitMs: Infinity },
];
const began = Number(process.env.GODWIT_CI_BEGAN ?? Date.now() / 1000) * 1000;
const allMs = 57.5 * min;
/** On the clock of performance.now(). */
const end = performance.now() + began + allMs - Date.now();

const before = new Set(leftovers());
const all = [];
clearVmTable();
const lines = [];

function note(name, { passed, failed, skipped, seconds }) {
  lines.push(
    `  ${name.padEnd(44)} ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds.toFixed(0)} s)`,
  );
}

console.log('=== check');
// timeout(1) ends the whole process group, also the tools that the check has started.
const checkBegan = performance.now();
const checkArgs = ['-k', '5', '240', process.execPath, 'scripts/check.mjs'];
const check = spawnSync('timeout', checkArgs, { cwd: root, stdio: 'inherit' });
const steps = {
  passed: check.status === 0 ? 1 : 0,
  failed: check.status === 0 ? 0 : 1,
  skipped: 0,
  seconds: (performance.now() - checkBegan) / 1000,
};
note(check.status === 124 ? 'check (took longer than 4 minutes)' : 'check', steps);

let deadline = performance.now();
for (const { folders, limitMs } of plan) {
  deadline = Math.min(deadline + limitMs, end);
  const stageBegan = performance.now();
  const results = [];
  for (const stage of stages.filter(({ name }) => folders.includes(name))) {
    const files = filesOf(stage.name);
    if (files.length === 0) continue;
    console.log(`=== ${stage.name}`);
    results.push(...(await runFiles(files, { jobs: stage.jobs, limitMs: deadline - performance.now() })));
  }
  note(folders.join(', '), { ...sumOf(results), seconds: (performance.now() - stageBegan) / 1000 });
  all.push(...results);
}

// A keeper that has just been told to go may need a moment.
const newOnes = () => leftovers().filter((line) => !before.has(line));
for (let tries = 0; tries < 25 && newOnes().length > 0; tries++) await sleep(200);
const left = newOnes();
for (const line of left) console.log(`left behind: ${line}`);
note('nothing left behind', {
  passed: left.length === 0 ? 1 : 0,
  failed: left.length,
  skipped: 0,
  seconds: 0,
});

printVmTable();
printFailures(all);
const tests = sumOf(all);
const passed = tests.passed + steps.passed + (left.length === 0 ? 1 : 0);
const failed = tests.failed + steps.failed + left.length;
console.log(`\nsummary:\n${lines.join('\n')}\n${tests.skipped} skipped (not counted as passed)`);
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);
