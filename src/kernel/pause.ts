// Sleeping without going back to the event loop: for what must not be interrupted by other work of the agent (the freeze).
const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread for so long. */
export function pause(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
