// Amounts with a unit, as several options take them.

/** Bytes of each unit of size; small letters would make kilobytes of kibibytes, so none is taken for another. */
export const sizeUnits: Readonly<Record<string, number>> = {
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** "64MiB" in units of one; undefined: not a number and one of these units. */
export function parseAmount(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text) ?? [];
  const one = units[unit];
  return one === undefined ? undefined : Number(number) * one;
}
