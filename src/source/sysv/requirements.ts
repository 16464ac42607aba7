// The IDs and keys of System V objects that have to be free on the target.
import type { SharedObject } from '../../images/memory.ts';
import type { Requirements } from '../../images/requirements.ts';

export function sysvRequirements(objects: Iterable<Pick<SharedObject, 'sysv'>>): Requirements['sysv'] {
  return [...objects].flatMap(({ sysv }) => {
    if (sysv === undefined) return [];
    const { id, key, uid, cuid } = sysv;
    return [{ kind: 'shm' as const, id, key, owners: [...new Set([uid, cuid])] }];
  });
}
