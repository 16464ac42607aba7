// The rows of the table that `npm run test:vm` ends with: each test adds its own.
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { vmFolder } from './images.ts';

export interface Row {
  readonly kernels: string;
  readonly tracker: string;
  readonly what: string;
  readonly verdict: string;
  readonly seconds: number;
}

export const tablePath: string = join(vmFolder, 'table.jsonl');

export function addRow(row: Row): void {
  mkdirSync(vmFolder, { recursive: true });
  appendFileSync(tablePath, `${JSON.stringify(row)}\n`);
}

/** Adds a row with the time that it took, whatever comes of it. */
export async function timed(
  row: Pick<Row, 'kernels' | 'tracker' | 'what'>,
  work: () => Promise<string>,
): Promise<void> {
  const began = performance.now();
  let verdict = 'failed';
  try {
    verdict = await work();
  } finally {
    addRow({ ...row, verdict, seconds: (performance.now() - began) / 1000 });
  }
}
