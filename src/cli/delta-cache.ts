// --delta-cache SIZE
import { GodwitError } from '../errors.ts';

export const deltaCacheOption = {
  type: 'string',
  requiresArg: true,
  default: '64MiB',
  describe:
    'memory for pages that were sent, so that they travel as deltas when they are sent again; 0: none',
} as const;

const units: Readonly<Record<string, number>> = {
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};
const least = 2 ** 20;
const most = 64 * 2 ** 30;

/** Bytes. @throws GodwitError USAGE */
export function parseDeltaCache(text: string): number {
  if (text === '0') return 0;
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text) ?? [];
  const bytes = units[unit];
  if (bytes === undefined)
    throw new GodwitError(
      'USAGE',
      `--delta-cache takes 0, or a number and a unit, and "${text}" is neither`,
      {
        hint: `64MiB is the default; the units are ${Object.keys(units).join(', ')}`,
      },
    );
  const size = Number(number) * bytes;
  if (size >= least && size <= most) return Math.floor(size);
  throw new GodwitError('USAGE', `--delta-cache ${text} is not between 1MiB and 64GiB`);
}
