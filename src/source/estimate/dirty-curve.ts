// How many bytes a tree dirties in a time: less than in proportion, for it writes to the same pages again and again. From the looks of
// different lengths that an estimate takes; a pure function.

/** One look: so many bytes were dirty after so many milliseconds. */
export interface Look {
  readonly ms: number;
  readonly bytes: number;
}

export type DirtyCurve = (ms: number) => number;

/** Looks of about the same length are one point, their mean. `mostBytes`: all that the tree has. */
export function dirtyCurve(looks: readonly Look[], mostBytes: number): DirtyCurve {
  const points = pointsOf(looks);
  return (ms) => {
    let before: Look = { ms: 0, bytes: 0 };
    let [first, second] = [before, before];
    for (const point of points) {
      if (ms <= point.ms) {
        const share = (ms - before.ms) / (point.ms - before.ms);
        return before.bytes + share * (point.bytes - before.bytes);
      }
      [first, second] = [before, point];
      before = point;
    }
    // Past the longest look it goes on as it went last.
    const slope = second.ms === first.ms ? 0 : (second.bytes - first.bytes) / (second.ms - first.ms);
    return Math.min(mostBytes, before.bytes + Math.max(0, slope) * (ms - before.ms));
  };
}

/** Ascending in time, and never falling: what was dirty after a while is so after a longer one. */
function pointsOf(looks: readonly Look[]): Look[] {
  const groups: Look[][] = [];
  for (const look of looks.filter(({ ms }) => ms > 0).toSorted((a, b) => a.ms - b.ms)) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && look.ms < 1.3 * last[0].ms) last.push(look);
    else groups.push([look]);
  }
  const mean = (group: readonly Look[], of: (look: Look) => number): number =>
    group.reduce((sum, look) => sum + of(look), 0) / group.length;
  let bytes = 0;
  return groups.map((group) => {
    bytes = Math.max(
      bytes,
      mean(group, (look) => look.bytes),
    );
    return { ms: mean(group, ({ ms }) => ms), bytes };
  });
}
