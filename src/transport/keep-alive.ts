// Notices a peer that is gone without a word (link cut, host frozen): pings go out, and any byte back is a sign of
// life. A dead process needs no ping, its kernel closes the socket. An event loop that was blocked itself must not
// take its own silence for the peer's, so ticks are counted, not milliseconds; and while it is blocked by long work it gives signs of life.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { onSignOfLife } from '../sign-of-life.ts';

const ticksUntilDead = 4;
/** A ping behind megabytes that a slow link still carries cannot be answered soon. */
const patienceWhileSending = 6;
/** While nothing stands still: agents on busy hosts may wait for a CPU for longer than a tree may wait for them. */
const patienceWhileRunning = 2;

export interface KeepAliveOptions {
  /** While the tree stands still. */
  readonly deadAfterMs: number;
  readonly isFrozen: () => boolean;
  readonly onDead: (silentMs: number) => void;
  /** What pings carry, at most 125 bytes (RFC 6455, 5.5). */
  readonly word: () => Buffer;
}

/** @returns how to stop it. */
export function keepAlive(
  ws: WebSocket,
  socket: Socket,
  { deadAfterMs, isFrozen, onDead, word }: KeepAliveOptions,
): () => void {
  const tickMs = Math.max(1, deadAfterMs / ticksUntilDead);
  let silentTicks = 0;
  let seen = socket.bytesRead;
  const tick = (): void => {
    if (socket.bytesRead !== seen) silentTicks = 0;
    seen = socket.bytesRead;
    const patience = ws.bufferedAmount > 0 ? patienceWhileSending : isFrozen() ? 1 : patienceWhileRunning;
    if (++silentTicks > ticksUntilDead * patience) {
      stop();
      onDead(ticksUntilDead * patience * tickMs);
    } else if (ws.readyState === ws.OPEN) ws.ping(word());
  };
  const timer = setInterval(tick, tickMs);
  timer.unref();
  const endSigns = onSignOfLife(() => {
    if (ws.readyState === ws.OPEN) ws.ping(word());
  });
  const stop = (): void => {
    clearInterval(timer);
    endSigns();
  };
  return stop;
}
