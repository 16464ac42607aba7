// `npm run test:vm`: the tests between virtual machines, and a table of what was tried in them.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import Table from 'cli-table3';
import { root } from './native-files.mjs';

const rows = `${root}/build/vm/table.jsonl`; // test/vm/table.ts
rmSync(rows, { force: true });
const { status } = spawnSync(process.execPath, ['scripts/test.mjs', 'vm'], { cwd: root, stdio: 'inherit' });
if (existsSync(rows)) {
  const table = new Table({
    head: ['kernels', 'tracker', 'what', 'verdict', 'seconds'],
    style: { head: [], border: [] },
  });
  for (const line of readFileSync(rows, 'utf8').trim().split('\n')) {
    const { kernels, tracker, what, verdict, seconds } = JSON.parse(line);
    table.push([kernels, tracker, what, verdict, seconds.toFixed(1)]);
  }
  console.log(table.toString());
}
process.exitCode = status ?? 1;
