// The table that the tests between virtual machines end with: what was tried on which kernels, and what came of it.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import Table from 'cli-table3';
import { root } from './native-files.mjs';

const rows = `${root}/build/vm/table.jsonl`; // written by test/vm/table.ts

export function clearVmTable() {
  rmSync(rows, { force: true });
}

/** Prints nothing when no machine was started. */
export function printVmTable() {
  if (!existsSync(rows)) return;
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
