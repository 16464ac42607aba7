// --bandwidth RATE
import { GodwitError } from '../errors.ts';
import { parseAmount, sizeUnits } from './amount.ts';

export const bandwidthOption = {
  type: 'string',
  requiresArg: true,
  describe: 'send pages at most at this rate while the tree runs: 100MB, 1Gbit (a second)',
} as const;

/** Bytes; small letters would make megabits of megabytes, so none is taken for another. */
const units: Readonly<Record<string, number>> = {
  kbit: 1e3 / 8,
  Mbit: 1e6 / 8,
  Gbit: 1e9 / 8,
  ...sizeUnits,
};

/** 1 Mbit and 1 Tbit: pages leave in frames of 1 MiB, and no link is faster. */
const least = 1e6 / 8;
const most = 1e12 / 8;

/** Bytes a second. @throws GodwitError USAGE */
export function parseBandwidth(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const rate = parseAmount(text.replace(/\/s$/, ''), units);
  if (rate === undefined)
    throw new GodwitError('USAGE', `--bandwidth takes a number and a unit, and "${text}" is none`, {
      hint: `bytes a second: 100MB, bits a second: 1Gbit; the units are ${Object.keys(units).join(', ')}`,
    });
  if (rate >= least && rate <= most) return rate;
  throw new GodwitError('USAGE', `--bandwidth ${text} is not between 1Mbit and 1000Gbit`);
}
