// Medians and the like. What is not there is NaN.

/** The least value that so large a share of them does not exceed (nearest rank): 0 is the least of all, 1 the greatest. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}

/** Of an even number the mean of the two in the middle: of few values that differ much either of them says little. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return ((middle[0] ?? NaN) + (middle[1] ?? NaN)) / 2;
}

/** With as many digits as say something. */
export function fixed(value: number): string {
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
