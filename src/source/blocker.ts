import type { Blocker } from '../images/requirements.ts';

/** Something on the source that stops a migration. */
export function blocker(object: string, reason: string, remedy: string): Blocker {
  return { side: 'source', object, reason, remedy };
}
