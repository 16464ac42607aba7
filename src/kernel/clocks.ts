// Clocks as a tree sees them. A time namespace (Linux 5.6) shifts CLOCK_MONOTONIC and CLOCK_BOOTTIME by fixed offsets.
import { readFileSync } from 'node:fs';
import { nsPerSec } from '../units.ts';
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

export interface ClockReading {
  readonly monotonic: bigint;
  readonly boottime: bigint;
  readonly realtime: bigint;
}

const clockRealtime = 0;
const clockMonotonic = 1;
const clockBoottime = 7;

/** The agent's own clocks, nanoseconds. */
export function readClocks(): ClockReading {
  const program = new Program();
  const rooms = [clockMonotonic, clockBoottime, clockRealtime].map((clock) => {
    const room = program.room(16);
    program.call('clock_gettime', clock, room);
    return room;
  });
  const outcome = runLocal(program);
  const [monotonic = 0n, boottime = 0n, realtime = 0n] = rooms.map((room) => {
    const [seconds = 0n, nanoseconds = 0n] = outcome.words(room);
    return seconds * nsPerSec + nanoseconds;
  });
  return { monotonic, boottime, realtime };
}

/** Offsets of the time namespace that `pid` lives in, against the machine's clocks. Zero without time namespaces. */
export function readTimeOffsets(pid: number | 'self'): {
  readonly monotonic: bigint;
  readonly boottime: bigint;
} {
  const offsets = { monotonic: 0n, boottime: 0n };
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/timens_offsets`, 'latin1');
  } catch {
    return offsets;
  }
  for (const line of text.trim().split('\n')) {
    const [clock, seconds, nanoseconds] = line.trim().split(/\s+/);
    const value = BigInt(seconds ?? 0) * nsPerSec + BigInt(nanoseconds ?? 0);
    if (clock === 'monotonic') offsets.monotonic = value;
    if (clock === 'boottime') offsets.boottime = value;
  }
  return offsets;
}

/** How far the clocks of `pid` are ahead of the agent's. */
export function clocksAhead(pid: number): { readonly monotonic: bigint; readonly boottime: bigint } {
  const [tree, own] = [readTimeOffsets(pid), readTimeOffsets('self')];
  return { monotonic: tree.monotonic - own.monotonic, boottime: tree.boottime - own.boottime };
}
