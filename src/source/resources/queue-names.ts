// Message queues and everybody else: who opens one of the tree's before the freeze, and the names that the tree leaves behind.
import { fstatSync } from 'node:fs';
import type { OpenFile } from '../../images/state.ts';
import type { Keeper } from '../../kernel/keeper.ts';
import { openNonblock, openQueue } from '../../kernel/message-queues.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import type { Refusal } from './driver.ts';
import { queueKey, together } from './mqueue-facts.ts';
import { findOutsideHolders } from './outside.ts';
import { refuse } from './refuse.ts';
import type { ProcessRef, SeenFile } from './seen-file.ts';

export function heldOutside(holder: string): Refusal {
  return { reason: `${holder}, outside the tree, holds this message queue too`, remedy: together };
}

/** Right before the freeze, for the check may be long ago; it reads every process of the host, which takes too long later. @throws GodwitError REFUSED */
export function refuseSharedQueues(queues: readonly SeenFile[], processes: readonly ProcessRef[]): void {
  if (queues.length === 0) return;
  const inside = new Set(processes.map(({ pid }) => pid));
  const holders = findOutsideHolders(new Set(queues.map(queueKey)), inside, () => false);
  const shared = queues.find((file) => holders.has(queueKey(file)));
  if (shared !== undefined) throw refuse(shared, heldOutside(holders.get(queueKey(shared)) ?? ''));
}

/** Once the tree runs elsewhere they stay behind here, where they are in the way of its coming back. */
export function removeQueueNamesAtEnd(
  openFiles: readonly OpenFile[],
  keeper: Pick<Keeper, 'removeQueueAtEnd'>,
): void {
  for (const { resource } of openFiles) {
    if (resource.kind !== 'mqueue' || resource.content === undefined || resource.unlinked) continue;
    const fd = openQueue(resource.name, openNonblock);
    if (fd < 0) continue; // somebody has removed it
    if (fstatSync(fd, { bigint: true }).ino === resource.queue) keeper.removeQueueAtEnd(fd, resource.name);
    closeLocal(fd);
  }
}
