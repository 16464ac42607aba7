// The IDs and keys of System V objects that have to be free on the target, and what queues hold.
import type { SharedObject } from '../../images/memory.ts';
import type { Requirements } from '../../images/requirements.ts';
import { queueState } from '../../kernel/sysv-queues.ts';
import type { SourceProcess } from '../tree.ts';
import { queuesOf } from './queues.ts';
import { setsOf } from './semaphores.ts';

export function sysvRequirements(objects: Iterable<Pick<SharedObject, 'sysv'>>): Requirements['sysv'] {
  return [...objects].flatMap(({ sysv }) => {
    if (sysv === undefined) return [];
    const { id, key, uid, cuid } = sysv;
    return [{ kind: 'shm' as const, id, key, owners: [...new Set([uid, cuid])] }];
  });
}

export function queueRequirements(processes: readonly SourceProcess[]): Requirements['sysv'] {
  return queuesOf(processes).flatMap(({ id, key, uid, cuid }) => {
    const state = queueState(id);
    if (state === undefined) return [];
    return [{ kind: 'msg' as const, id, key, owners: [...new Set([uid, cuid])], room: state.room }];
  });
}

export function semaphoreRequirements(processes: readonly SourceProcess[]): Requirements['sysv'] {
  return setsOf(processes).map(({ row: { id, key, uid, cuid } }) => {
    return { kind: 'sem' as const, id, key, owners: [...new Set([uid, cuid])] };
  });
}
