// Notices a peer that is gone without a word (link cut, host frozen): pings go out, and any byte back is a sign of
// life. A dead process needs no ping, its kernel closes the socket. An event loop that was blocked itself must not
// take its own silence for the peer's, so ticks are counted, not milliseconds.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

const ticksUntilDead = 4;
/** A ping behind megabytes that a slow link still carries cannot be answered soon. */
const patienceWhileSending = 6;

/** @returns how to stop it. */
export function keepAlive(
  ws: WebSocket,
  socket: Socket,
  deadAfterMs: number,
  onDead: () => void,
): () => void {
  let silentTicks = 0;
  let seen = socket.bytesRead;
  const tick = (): void => {
    if (socket.bytesRead !== seen) silentTicks = 0;
    seen = socket.bytesRead;
    const limit = ws.bufferedAmount > 0 ? ticksUntilDead * patienceWhileSending : ticksUntilDead;
    if (++silentTicks > limit) {
      stop();
      onDead();
    } else if (ws.readyState === ws.OPEN) ws.ping();
  };
  const timer = setInterval(tick, Math.max(1, deadAfterMs / ticksUntilDead));
  timer.unref();
  const stop = (): void => {
    clearInterval(timer);
  };
  return stop;
}
