// The tree runs while it is surveyed: a descriptor may be closed, and a process may end, at any line.
import { GodwitError } from '../../errors.ts';

/** A descriptor that is closed while it is looked at stands in nobody's way. */
export function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof GodwitError && error.code === 'NO_PROCESS') return undefined;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
