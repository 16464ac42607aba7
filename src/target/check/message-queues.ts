// POSIX message queues: their names must be free in this host's IPC namespace, and all of them together within its limits. Tried by
// making them, under other names.
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { openNonblock, openQueue, unlinkQueue } from '../../kernel/message-queues.ts';
import { errnoName } from '../../kernel/program.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { makeQueue, makingFailed } from '../message-queues.ts';
import { blocker } from './blocker.ts';

const alreadyThere = -17; // EEXIST

export function checkMessageQueues({ messageQueues }: Pick<Requirements, 'messageQueues'>): Blocker[] {
  const tried: number[] = [];
  try {
    return messageQueues.flatMap((wanted, number) => {
      const trial = `/godwit-check-${process.pid}-${number}`;
      const made =
        !wanted.unlinked && isTaken(wanted.name) ? alreadyThere : makeQueue({ ...wanted, name: trial });
      if (made >= 0) {
        tried.push(made);
        unlinkQueue(trial);
        return [];
      }
      return [blocker(`message queue ${wanted.name}`, ...makingFailed(made, wanted))];
    });
  } finally {
    closeLocal(...tried);
  }
}

function isTaken(name: string): boolean {
  const fd = openQueue(name, openNonblock);
  if (fd >= 0) closeLocal(fd);
  return fd >= 0 || errnoName(fd) !== 'ENOENT';
}
