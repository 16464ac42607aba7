// System V semaphore sets of the tree. No process holds one: the kernel notes down who worked with each semaphore last, and threads wait in
// them. What processes are to undo at their end is asked in each of them (kernel/sysv-semaphores.ts).
import { GodwitError } from '../../errors.ts';
import type { Blocker } from '../../images/requirements.ts';
import type { SemaphoreSetImage } from '../../images/sysv.ts';
import type { Keeper } from '../../kernel/keeper.ts';
import type { Outcome, Program } from '../../kernel/program.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import { readSysv, type SysvRow } from '../../kernel/proc/sysvipc.ts';
import { readSemaphores, readUndo, type Semaphore } from '../../kernel/sysv-semaphores.ts';
import { share } from '../sharing.ts';
import type { SourceProcess } from '../tree.ts';
import { vpidsOf } from './segments.ts';
import { waitedFor } from './waiters.ts';

interface FoundSet {
  readonly row: SysvRow;
  readonly semaphores: readonly Semaphore[];
}

/** Sets whose semaphores processes of the tree worked with last, or wait in. */
export function setsOf(processes: readonly SourceProcess[]): FoundSet[] {
  const rows = readSysv('sem');
  if (rows.length === 0) return [];
  const pids = new Set(processes.map(({ pid }) => pid));
  const waited = new Set(waitedFor(processes, 'sem').map(({ id }) => id));
  return rows.flatMap((row) => {
    const semaphores = readSemaphores(row.id, row.columns['nsems'] ?? 0);
    if (semaphores === undefined) return [];
    return waited.has(row.id) || semaphores.some(({ pid }) => pids.has(pid)) ? [{ row, semaphores }] : [];
  });
}

function nameOfSet({ id, key }: SysvRow): string {
  return `System V semaphore set ${id} (key 0x${(key >>> 0).toString(16).padStart(8, '0')})`;
}

export function surveySemaphores(processes: readonly SourceProcess[]): Blocker[] {
  const sets = setsOf(processes);
  const pids = new Set(processes.map(({ pid }) => pid));
  const shared = sets.flatMap(({ row, semaphores }) => {
    const other = semaphores.find(({ pid }) => pid !== 0 && !pids.has(pid) && readStat(pid) !== undefined);
    if (other === undefined) return [];
    const reason = `process ${other.pid}, outside the tree, uses it too`;
    const remedy = 'move all processes that use it, as one tree, or end the others';
    return [{ side: 'source' as const, object: nameOfSet(row), reason, remedy }];
  });
  return sets.length === 0 ? [] : [...shared, ...surveyThreads(processes)];
}

/** Threads of the C library share what is undone (CLONE_SYSVSEM); what another keeps for itself would have to be undone at its own end. */
function surveyThreads(processes: readonly SourceProcess[]): Blocker[] {
  return processes.flatMap(({ pid, zombie, threads }) => {
    if (zombie !== undefined) return [];
    const alone = threads.find(({ tid }) => tid !== pid && !share('undo', pid, tid));
    if (alone === undefined) return [];
    return [
      {
        side: 'source' as const,
        object: `thread ${alone.tid} of process ${pid}`,
        reason:
          'it does not share the undo values of semaphores with its process (clone without CLONE_SYSVSEM)',
        remedy: 'stop the program and start it on the target',
      },
    ];
  });
}

/** Preconditions: the tree stands still; `runIn` runs a program in a process of it. @throws GodwitError REFUSED */
export function dumpSemaphores(
  processes: readonly SourceProcess[],
  runIn: (pid: number, program: Program) => Outcome,
): SemaphoreSetImage[] {
  const sets = setsOf(processes);
  if (sets.length === 0) return [];
  const [blocked] = surveySemaphores(processes);
  if (blocked !== undefined)
    throw new GodwitError('REFUSED', `${blocked.object}: ${blocked.reason}`, { hint: blocked.remedy });
  const vpidOf = vpidsOf(processes);
  return sets.map(({ row, semaphores }) => {
    const { id, key, uid, gid, cuid, cgid, mode } = row;
    return {
      ...{ id, key, uid, gid, cuid, cgid, mode },
      semaphores: semaphores.map(({ value, pid }) => ({ value, last: vpidOf(pid) })),
      undo: undoOf(row, semaphores, processes, runIn),
    };
  });
}

function undoOf(
  row: SysvRow,
  semaphores: readonly Semaphore[],
  processes: readonly SourceProcess[],
  runIn: (pid: number, program: Program) => Outcome,
): SemaphoreSetImage['undo'] {
  const values = semaphores.map(({ value }) => value);
  const having = processes.flatMap((process) => {
    const adjusts = readUndo(row.id, values, (program) => runIn(process.pid, program));
    return adjusts.some((adjust) => adjust !== 0) ? [{ ...process, adjusts }] : [];
  });
  for (const [i, first] of having.entries()) {
    const other = having.slice(i + 1).find(({ pid }) => share('undo', first.pid, pid));
    if (other === undefined) continue;
    const reason = `processes ${first.pid} and ${other.pid} share what is undone in it (CLONE_SYSVSEM)`;
    throw new GodwitError('REFUSED', `${nameOfSet(row)}: ${reason}`, { hint: 'no fork brings that about' });
  }
  return having.flatMap(({ vpid, adjusts }) =>
    adjusts.flatMap((adjust, number) => (adjust === 0 ? [] : [{ pid: vpid, number, adjust }])),
  );
}

/** Once the tree runs elsewhere its sets stay behind here, where they are in the way of its coming back. */
export function removeSetsAtEnd(
  sets: readonly SemaphoreSetImage[],
  keeper: Pick<Keeper, 'removeAtEnd'>,
): void {
  for (const { id, key } of sets) keeper.removeAtEnd({ kind: 'sem', id, key });
}
