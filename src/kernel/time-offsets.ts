// How far the clocks of a time namespace are ahead, as the keeper is told.
/** Offsets of a time namespace, relative to the initial one as in /proc/PID/timens_offsets (time_namespaces(7)). */
export interface TimeOffsets {
  readonly monotonic: { readonly seconds: number; readonly nanoseconds: number };
  readonly boottime: { readonly seconds: number; readonly nanoseconds: number };
}

/** Seconds and nanoseconds of each, as the keeper reads them (native/keeper/commands.cc). */
export function encodeOffsets({ monotonic, boottime }: TimeOffsets): string {
  return [monotonic.seconds, monotonic.nanoseconds, boottime.seconds, boottime.nanoseconds].join(':');
}
