// How large things are made and how often they are done: as the goals have it, or all of it small, to see in some minutes that it works.

/** GODWIT_BENCH=quick */
export const isQuick = process.env['GODWIT_BENCH'] === 'quick';

export function fullOrQuick(full: number, quick: number): number {
  return isQuick ? quick : full;
}

/** By a variable of the environment, else as above. */
export function sizeOf(variable: string, full: number, quick: number): number {
  return Number(process.env[variable] ?? fullOrQuick(full, quick));
}

/** Further words for `migrate`: GODWIT_ARGS. */
export const moreArgs: readonly string[] = (process.env['GODWIT_ARGS'] ?? '')
  .split(' ')
  .filter((word) => word !== '');
