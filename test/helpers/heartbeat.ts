// Reads the beats of the counter workload from outside: "count realtime_us node checksum", one appended line each. Two running
// copies write the same count twice, a lost state writes a count again or leaves one out, a pause shows between two times.
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { sleep } from './commands.ts';

export interface Beat {
  readonly count: number;
  /** CLOCK_REALTIME of the beat, in microseconds. */
  readonly timeUs: number;
  /** Name of the host that wrote it. */
  readonly node: string;
}

export interface Verdict {
  /** What must not be: counts written twice, left out, or out of order. Empty is good. */
  readonly problems: readonly string[];
  readonly beats: number;
  readonly longestPauseMs: number;
  /** The hosts in the order in which the process ran on them. */
  readonly nodes: readonly string[];
}

/** What was read of each file so far: in long runs it grows to many megabytes. */
const known = new Map<string, { bytes: number; beats: Beat[] }>();

export function readBeats(path: string): Beat[] {
  const seen = known.get(path) ?? { bytes: 0, beats: [] };
  known.set(path, seen);
  const text = readFrom(path, seen.bytes);
  const whole = text.slice(0, text.lastIndexOf('\n') + 1); // what follows the last end of line is not complete
  seen.bytes += Buffer.byteLength(whole);
  for (const line of whole.split('\n').slice(0, -1)) {
    const [count = '', timeUs = '', node = ''] = line.split(' ');
    seen.beats.push({ count: Number(count), timeUs: Number(timeUs), node });
  }
  return seen.beats;
}

function readFrom(path: string, position: number): string {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(fd).size - position));
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, position));
  } finally {
    closeSync(fd);
  }
}

export function judge(beats: readonly Beat[]): Verdict {
  const problems: string[] = [];
  const nodes: string[] = [];
  let longestPauseMs = 0;
  let last: Beat | undefined;
  for (const beat of beats) {
    if (last !== undefined && beat.count !== last.count + 1) {
      problems.push(
        `after ${last.count} on ${last.node} came ${beat.count} on ${beat.node}, not ${last.count + 1}`,
      );
    }
    if (last !== undefined) longestPauseMs = Math.max(longestPauseMs, (beat.timeUs - last.timeUs) / 1000);
    if (nodes.at(-1) !== beat.node) nodes.push(beat.node);
    last = beat;
  }
  return { problems, beats: beats.length, longestPauseMs, nodes };
}

/** Time from now to the next beat, in milliseconds; undefined when there is none within `limitMs`. */
export async function untilBeat(path: string, limitMs: number): Promise<number | undefined> {
  const start = performance.now();
  const before = statSync(path).size;
  while (performance.now() - start < limitMs) {
    if (statSync(path).size > before) return performance.now() - start;
    await sleep(2);
  }
  return undefined;
}

/** The node that wrote last. */
export function lastNode(path: string): string {
  return readBeats(path).at(-1)?.node ?? '';
}
