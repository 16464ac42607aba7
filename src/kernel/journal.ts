// The journal of a migration on one host: one JSON line for each state that was reached, by one write(2) and without
// fsync. It lies in memory (/run): a copy of a tree dies with its host and so may its journal. Each record carries boot
// IDs, so that a peer that has rebooted proves that its copy is gone. The history is for people and outlives both.
import { appendFileSync, closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { bootId } from './boot-id.ts';
import { stateDir, type Role } from './run-dir.ts';

export interface JournalRecord {
  /** CLOCK_REALTIME, milliseconds. */
  readonly at: number;
  readonly id: string;
  readonly role: Role;
  readonly state: string;
  readonly bootId: string;
  readonly peerBootId?: string | undefined;
  /** What else a reader may need: the peer's address, the root's PID. */
  readonly [more: string]: unknown;
}

const journalName = 'journal';
const historyName = 'history.jsonl';
const appendOnly = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

export class Journal implements Disposable {
  /** Once the peer has said it, every record carries it. */
  peerBootId: string | undefined;
  readonly #fd: number;
  readonly #id: string;
  readonly #role: Role;
  readonly #bootId = bootId();

  private constructor(fd: number, id: string, role: Role) {
    this.#fd = fd;
    this.#id = id;
    this.#role = role;
  }

  /** `dir`: of the migration; it must be there. */
  static open(dir: string, id: string, role: Role): Journal {
    return new Journal(openSync(join(dir, journalName), appendOnly, 0o600), id, role);
  }

  /** Some 10 us; also in the freeze. */
  write(state: string, more: Readonly<Record<string, unknown>> = {}): void {
    const record: JournalRecord = {
      ...more,
      at: Date.now(),
      id: this.#id,
      role: this.#role,
      state,
      bootId: this.#bootId,
      peerBootId: this.peerBootId,
    };
    writeSync(this.#fd, `${JSON.stringify(record)}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** All whole records, oldest first; [] when there is no journal. A line that a dying agent cut off is left out. */
export function readJournal(dir: string): JournalRecord[] {
  try {
    return mustReadJournal(dir);
  } catch {
    return [];
  }
}

/** The same, where "there is none" has consequences. @throws Error it may be there */
export function mustReadJournal(dir: string): JournalRecord[] {
  let text: string;
  try {
    text = readFileSync(join(dir, journalName), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    const record = parseLine(line);
    return record === undefined ? [] : [record];
  });
}

function parseLine(line: string): JournalRecord | undefined {
  if (line === '') return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is JournalRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { at, id, role, state, bootId: boot } = value as Partial<Record<keyof JournalRecord, unknown>>;
  return (
    typeof at === 'number' &&
    typeof id === 'string' &&
    (role === 'source' || role === 'target') &&
    typeof state === 'string' &&
    typeof boot === 'string'
  );
}

/** Where {@link appendHistory} and the keeper write to. */
export function historyPath(): string {
  return join(stateDir(), historyName);
}

/** One line for people, at the very end of a migration. A history that cannot be written stops nothing: false then. */
export function appendHistory(record: Readonly<Record<string, unknown>>): boolean {
  try {
    mkdirSync(stateDir(), { recursive: true, mode: 0o700 });
    appendFileSync(historyPath(), `${JSON.stringify({ at: Date.now(), ...record })}\n`, { mode: 0o600 });
    return true;
  } catch {
    return false;
  }
}
