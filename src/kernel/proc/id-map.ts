// /proc/PID/uid_map and gid_map (user_namespaces(7)): what IDs of a user namespace are in the reader's.
import { readProcText } from './read-proc.ts';

export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly length: number;
}

/** undefined: the process is gone. */
export function readIdMap(pid: number, kind: 'uid_map' | 'gid_map'): IdRange[] | undefined {
  return readProcText(pid, kind)
    ?.split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [inside = 0, outside = 0, length = 0] = line.trim().split(/\s+/).map(Number);
      return { inside, outside, length };
    });
}

/** Whether the process sees this ID of ours as the same one. */
export function isSameInside(map: readonly IdRange[], id: number): boolean {
  return map.some(
    ({ inside, outside, length }) => inside === outside && id >= outside && id < outside + length,
  );
}
