// One thing that stands in the way on this side.
import type { Blocker } from '../../images/requirements.ts';

export function blocker(object: string, reason: string, remedy: string): Blocker {
  return { side: 'target', object, reason, remedy };
}
