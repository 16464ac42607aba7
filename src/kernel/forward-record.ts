// What this host forwards (source), or has at the other end of that (target), for `godwit status`: one file for each migration beside the
// folders of those that go on. It goes with its process; one that was killed leaves its file, which then counts for nothing.
//
//   /run/godwit/forwarding/<id>.<role>.json
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { readStat } from './proc/stat.ts';
import { runDir, type Role } from './run-dir.ts';

const recordSchema = z.object({
  id: z.string(),
  role: z.enum(['source', 'target']),
  /** Of the process that forwards. */
  pid: z.number(),
  startTime: z.number(),
  /** The other host, "10.0.0.7:7070". */
  peer: z.string(),
  /** CLOCK_REALTIME, milliseconds. */
  since: z.number(),
  /** kernel/forwarded-connections.ts */
  connections: z.array(z.string()),
  /** Bytes of packets to the tree, and from it. */
  there: z.number(),
  back: z.number(),
});
export type ForwardRecord = z.infer<typeof recordSchema>;

const folder = (): string => join(runDir(), 'forwarding');

/** The file of one process; best effort, for nothing depends on it. */
export class ForwardRecordFile implements Disposable {
  readonly #path: string;
  readonly #base: Omit<ForwardRecord, 'connections' | 'there' | 'back'>;

  constructor(id: string, role: Role, peer: string) {
    this.#path = join(folder(), `${id}.${role}.json`);
    const startTime = readStat('self')?.startTime ?? 0;
    this.#base = { id, role, pid: process.pid, startTime, peer, since: Date.now() };
  }

  write(now: Pick<ForwardRecord, 'connections' | 'there' | 'back'>): void {
    try {
      mkdirSync(folder(), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.#path}~`, JSON.stringify({ ...this.#base, ...now }), { mode: 0o600 });
      renameSync(`${this.#path}~`, this.#path);
    } catch {
      // whoever asks for the status misses it
    }
  }

  [Symbol.dispose](): void {
    removeRecord(this.#path);
  }
}

/** Of living processes, oldest first; what others have left is removed. */
export function readForwardRecords(): ForwardRecord[] {
  return names()
    .flatMap((name) => {
      const path = join(folder(), name);
      const record = readRecord(path);
      if (record !== undefined && readStat(record.pid)?.startTime === record.startTime) return [record];
      if (!name.endsWith('~')) removeRecord(path);
      return [];
    })
    .sort((a, b) => a.since - b.since);
}

function names(): string[] {
  try {
    return readdirSync(folder());
  } catch {
    return []; // nothing was ever forwarded
  }
}

function readRecord(path: string): ForwardRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

function removeRecord(path: string): void {
  try {
    rmSync(path, { force: true });
    rmdirSync(folder());
  } catch {
    // there are others, or it is somebody else's
  }
}
