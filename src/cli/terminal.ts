// How errors and refusals are worded on a terminal and as JSON.
import Table from 'cli-table3';
import type { GodwitError } from '../errors.ts';
import { exitCodeOf } from '../errors.ts';
import type { Blocker } from '../images/requirements.ts';

export function printError(error: GodwitError, json: boolean): void {
  if (json) {
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    const line = {
      status: 'failed',
      'exit-code': exitCodeOf(error),
      error: { code: error.code, message: error.message, ...hint },
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  process.stderr.write(`godwit: ${error.message}\n`);
  if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  if (error.code === 'INTERNAL' && error.cause instanceof Error)
    process.stderr.write(`${error.cause.stack ?? ''}\n`);
}

/** Every blocker: what, why, and what to do. */
export function blockerTable(blockers: readonly Blocker[]): string {
  const table = new Table({
    head: ['side', 'what', 'why it cannot move', 'what to do'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: columnWidths(),
  });
  for (const { side, object, reason, remedy } of blockers) table.push([side, object, reason, remedy]);
  return table.toString();
}

function columnWidths(): number[] {
  const room = Math.max(80, process.stdout.columns || 120) - 8 - 5;
  return [8, Math.floor(room * 0.3), Math.floor(room * 0.38), Math.floor(room * 0.32)];
}
