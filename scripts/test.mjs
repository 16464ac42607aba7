// `node scripts/test.mjs [stage|file...]`: the stages of test/, or the ones named, or single files; then the sums.
import { existsSync } from 'node:fs';
import { filesOf, printFailures, runFiles, stages, sumOf } from './run-tests.mjs';
import { clearVmTable, printVmTable } from './vm-table.mjs';

const wanted = process.argv.slice(2);
const files = wanted.filter((name) => name.endsWith('.test.ts'));
const names = wanted.filter((name) => !files.includes(name));
const unknown = [
  ...names.filter((name) => !stages.some((stage) => stage.name === name)),
  ...files.filter((file) => !existsSync(file)),
];
if (unknown.length > 0) {
  console.error(
    `no such stage or file: ${unknown.join(', ')}; stages: ${stages.map((s) => s.name).join(', ')}`,
  );
  process.exit(2);
}

const plan =
  files.length > 0
    ? [{ name: 'files', jobs: 1, files }]
    : stages
        .filter(({ name }) => names.length === 0 || names.includes(name))
        .map((stage) => ({ ...stage, files: filesOf(stage.name) }));
const all = [];
const withMachines = plan.some((stage) => stage.files.some((file) => file.startsWith('test/vm/')));
if (withMachines) clearVmTable();
const lines = [];
for (const stage of plan) {
  if (stage.files.length === 0) continue;
  console.log(`--- ${stage.name}`);
  const results = await runFiles(stage.files, { jobs: stage.jobs });
  const { passed, failed, skipped } = sumOf(results);
  lines.push(`  ${stage.name.padEnd(12)} ${passed} passed, ${failed} failed, ${skipped} skipped`);
  all.push(...results);
}
if (withMachines) printVmTable();
printFailures(all);
const { passed, failed, skipped } = sumOf(all);
console.log(`\ntests:\n${lines.join('\n')}`);
console.log(`${skipped} skipped (not counted as passed)\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
