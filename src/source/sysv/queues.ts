// System V message queues of the tree. No process holds one: the kernel notes down who sent and who received last, and threads wait in them.
// What travels is a copy of the messages; the queue here is removed when the tree runs elsewhere.
import { GodwitError } from '../../errors.ts';
import type { Blocker } from '../../images/requirements.ts';
import type { QueueImage } from '../../images/sysv.ts';
import type { Keeper } from '../../kernel/keeper.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import { readSysv, type SysvRow } from '../../kernel/proc/sysvipc.ts';
import { copyMessage, copyProblem, queueState, type Message } from '../../kernel/sysv-queues.ts';
import type { SourceProcess } from '../tree.ts';
import { vpidsOf } from './segments.ts';
import { waitedFor } from './waiters.ts';

/** What a freeze can send of messages. Bytes; 16 KiB are in a queue at most unless somebody raised kernel.msgmnb. */
const mostBytes = 64 << 20;

/** Rows of the queues that processes of the tree used last, or wait in. */
export function queuesOf(processes: readonly SourceProcess[]): SysvRow[] {
  const rows = readSysv('msg');
  if (rows.length === 0) return [];
  const pids = new Set(processes.map(({ pid }) => pid));
  const waited = new Set(waitedFor(processes, 'msg').map(({ id }) => id));
  return rows.filter((row) => waited.has(row.id) || usersOf(row).some((pid) => pids.has(pid)));
}

const usersOf = ({ columns }: SysvRow): number[] => [columns['lspid'] ?? 0, columns['lrpid'] ?? 0];

export function nameOfQueue({ id, key }: Pick<SysvRow, 'id' | 'key'>): string {
  return `System V message queue ${id} (key 0x${(key >>> 0).toString(16).padStart(8, '0')})`;
}

/** Queues that somebody outside uses too: whoever stays would be cut off. */
export function surveyQueues(processes: readonly SourceProcess[]): Blocker[] {
  const pids = new Set(processes.map(({ pid }) => pid));
  return queuesOf(processes).flatMap((row) => {
    const other = usersOf(row).find((pid) => pid !== 0 && !pids.has(pid) && readStat(pid) !== undefined);
    if (other === undefined) return [];
    return [
      {
        side: 'source' as const,
        object: nameOfQueue(row),
        reason: `process ${other}, outside the tree, uses it too`,
        remedy: 'move all processes that use it, as one tree, or end the others',
      },
    ];
  });
}

/** Preconditions: the tree stands still. @throws GodwitError REFUSED, LIMIT */
export function dumpQueues(processes: readonly SourceProcess[]): QueueImage[] {
  const rows = queuesOf(processes);
  if (rows.length === 0) return [];
  const [blocked] = surveyQueues(processes);
  if (blocked !== undefined)
    throw new GodwitError('REFUSED', `${blocked.object}: ${blocked.reason}`, { hint: blocked.remedy });
  const vpidOf = vpidsOf(processes);
  let total = 0;
  return rows.flatMap((row): QueueImage[] => {
    const state = queueState(row.id);
    if (state === undefined) return []; // somebody has removed it
    total += state.used;
    if (total > mostBytes) {
      throw new GodwitError('LIMIT', `the tree's message queues hold more than ${mostBytes} bytes`, {
        hint: 'try again when fewer messages wait',
      });
    }
    const [sender = 0, receiver = 0] = usersOf(row).map(vpidOf);
    const { id, key, uid, gid, cuid, cgid, mode } = row;
    const messages = copyMessages(row, state.count, state.used);
    return [{ id, key, uid, gid, cuid, cgid, mode, room: state.room, sender, receiver, messages }];
  });
}

function copyMessages(row: SysvRow, count: number, used: number): Message[] {
  return Array.from({ length: count }, (_, place) => {
    const message = copyMessage(row.id, place, used);
    if (typeof message !== 'number') return message;
    throw new GodwitError('REFUSED', `${nameOfQueue(row)} cannot be read: ${copyProblem(message)}`);
  });
}

/** Once the tree runs elsewhere its queues stay behind here, where they are in the way of its coming back. */
export function removeQueuesAtEnd(queues: readonly QueueImage[], keeper: Pick<Keeper, 'removeAtEnd'>): void {
  for (const { id, key } of queues) keeper.removeAtEnd({ kind: 'msg', id, key });
}
