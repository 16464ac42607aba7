// --delta-cache SIZE
import { GodwitError } from '../errors.ts';
import { parseAmount, sizeUnits } from './amount.ts';

export const deltaCacheOption = {
  type: 'string',
  requiresArg: true,
  default: '64MiB',
  describe:
    'memory for pages that were sent, so that they travel as deltas when they are sent again; 0: none',
} as const;

const least = 2 ** 20;
const most = 64 * 2 ** 30;

/** Bytes. @throws GodwitError USAGE */
export function parseDeltaCache(text: string): number {
  if (text === '0') return 0;
  const size = parseAmount(text, sizeUnits);
  if (size === undefined)
    throw new GodwitError(
      'USAGE',
      `--delta-cache takes 0, or a number and a unit, and "${text}" is neither`,
      {
        hint: `64MiB is the default; the units are ${Object.keys(sizeUnits).join(', ')}`,
      },
    );
  if (size >= least && size <= most) return Math.floor(size);
  throw new GodwitError('USAGE', `--delta-cache ${text} is not between 1MiB and 64GiB`);
}
