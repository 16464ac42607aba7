// What nobody can read of a thread in restart_syscall(2): which call it goes on with, and when that ends. The agent that has
// made it wait here knows both, and leaves them for the next one beside its journal; they go with the keeper's folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { listMigrations } from './run-dir.ts';

export interface KnownWait {
  /** As this host's agents see it. */
  readonly tid: number;
  /** When it was last put on a CPU (se.exec_start, milliseconds): the same later means that it is in that very wait. */
  readonly execStart: number;
  readonly syscall: number;
  /** On this host's CLOCK_MONOTONIC, nanoseconds. */
  readonly deadline: bigint;
}

const fileName = 'waits.json';
const fileSchema = z.array(
  z.object({
    tid: z.number(),
    execStart: z.number(),
    syscall: z.number(),
    deadline: z
      .string()
      .regex(/^\d{1,19}$/)
      .transform(BigInt),
  }),
);

/** `dir`: of the migration. Best effort: without the file a wait that is moved again may end late, never early. */
export function writeKnownWaits(dir: string, waits: readonly KnownWait[]): void {
  const rows = waits.map((wait) => ({ ...wait, deadline: wait.deadline.toString() }));
  try {
    writeFileSync(join(dir, fileName), JSON.stringify(rows), { mode: 0o600 });
  } catch {
    // the tree has ended already, and the folder with it
  }
}

/** Of all trees that have arrived here, by thread. What cannot be read is not known. */
export function readKnownWaits(): Map<number, KnownWait> {
  const waits = listMigrations()
    .filter(({ role }) => role === 'target')
    .flatMap(({ dir }) => readFile(join(dir, fileName)));
  return new Map(waits.map((wait) => [wait.tid, wait]));
}

function readFile(path: string): KnownWait[] {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return [];
  }
}
