// Work on a large tree may keep an agent from its event loop for longer than its peer waits for a word: a thousand processes, one
// remote program after the other. Where such work goes by, a sign of life goes out at once: Node writes to a socket without waiting for its
// event loop as long as the kernel takes it.

/** Milliseconds from one to the next. */
const everyMs = 1000;

const givers = new Set<() => void>();
let last = 0;

/** To be called in long work, as often as it likes. */
export function signOfLife(): void {
  if (givers.size === 0) return;
  const now = performance.now();
  if (now - last < everyMs) return;
  last = now;
  for (const give of givers) give();
}

/** `give` is called during long work from now on. Returns how to end that. */
export function onSignOfLife(give: () => void): () => void {
  givers.add(give);
  return () => {
    givers.delete(give);
  };
}
