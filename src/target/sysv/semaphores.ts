// System V semaphore sets on this host: made with the IDs that the tree knows them by, with their values, and what processes are to undo.
import type { SemaphoreSetImage } from '../../images/sysv.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { addUndo, touch } from '../../kernel/sysv-semaphores.ts';
import { GodwitError } from '../../errors.ts';
import type { Shell } from '../shell.ts';
import { makeSysv, type SysvUndo } from './make.ts';

const setValue = 16;
const ipcSet = 1;
/** struct semid64_ds of x86-64, struct ipc64_perm first. */
const semidLength = 104;

const runHere = (program: Program): ReturnType<typeof runLocal> => runLocal(program, 'semaphore set');
type ShellOf = (vpid: number) => Shell | undefined;

/** Preconditions: all threads are born, and share what is undone; the shells may use any set. @throws GodwitError REFUSED */
export function makeSemaphores(sets: readonly SemaphoreSetImage[], shellOf: ShellOf, undo: SysvUndo): void {
  for (const set of sets) {
    makeSysv({ kind: 'sem', permissions: set, size: set.semaphores.length }, runHere, undo);
    setValues(set);
    for (const { pid, number, adjust } of set.undo) {
      const shell = shellOf(pid);
      if (shell === undefined)
        throw new GodwitError('PROTOCOL', `process ${pid} is to undo something and is none`);
      const program = new Program();
      addUndo(program, set.id, number, set.semaphores[number]?.value ?? 0, adjust);
      shell.run(program);
    }
    noteUsers(set, shellOf);
    setPermissions(set);
  }
}

/** A value that was never set has no last user. */
function setValues({ id, semaphores }: SemaphoreSetImage): void {
  const program = new Program();
  for (const [number, { value }] of semaphores.entries())
    if (value !== 0) program.call('semctl', id, number, setValue, value);
  if (program.length > 0) runHere(program);
}

function noteUsers({ id, semaphores }: SemaphoreSetImage, shellOf: ShellOf): void {
  for (const pid of new Set(semaphores.map(({ last }) => last))) {
    const shell = shellOf(pid);
    if (shell === undefined) continue;
    shell.runSteps(
      semaphores.flatMap(({ value, last }, number) =>
        last === pid ? [(program: Program) => void touch(program, id, number, value)] : [],
      ),
    );
  }
}

function setPermissions({ id, uid, gid, mode }: SemaphoreSetImage): void {
  const about = new Uint8Array(semidLength);
  const view = new DataView(about.buffer);
  view.setUint32(4, uid, true);
  view.setUint32(8, gid, true);
  view.setUint32(20, mode & 0o777, true);
  const program = new Program();
  program.call('semctl', id, 0, ipcSet, program.bytes(about));
  runHere(program);
}
