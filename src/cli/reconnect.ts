// --reconnect SECONDS
import { GodwitError } from '../errors.ts';

export const reconnectOption = {
  type: 'number',
  requiresArg: true,
  default: 60,
  describe:
    'when the link breaks before the tree is frozen, connect again for so many seconds and go on; 0: give up at once',
} as const;

const most = 3600;

/** Milliseconds. @throws GodwitError USAGE */
export function parseReconnect(seconds: number): number {
  if (seconds >= 0 && seconds <= most) return Math.round(seconds * 1000);
  throw new GodwitError('USAGE', `--reconnect takes seconds from 0 to ${most}`);
}
