// System V segments on this host: made while the tree is staged, with the IDs that it knows them by, and attached by shmat(2) in
// every shell, so that nattch and shmdt(2) are right.
import type { Mapping, SharedObject } from '../../images/memory.ts';
import type { SegmentImage } from '../../images/sysv.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { stagedProtection } from '../layout-difference.ts';
import { findHole, type Range } from '../scratch.ts';
import type { Shell } from '../shell.ts';
import { makeSysv, removeSysv, type SysvUndo } from './make.ts';

const shmReadOnly = 0o10000;
const shmRemap = 0o40000;
const ipcRmid = 0;
const ipcSet = 1;
const shmLock = 11;
/** Mode bits of /proc/sysvipc/shm. */
const destroyed = 0o1000;
const locked = 0o2000;
/** MREMAP_MAYMOVE | MREMAP_FIXED. */
const remapFixed = 3;
const readWrite = 3;
const readOnly = 1;
/** struct shmid_ds: 112 bytes, permissions first. */
const shmidLength = 112;

/** `creator`: the shell of the process that made it, if it is of the tree. Returns its number on the undo list. */
export function createSegment(
  segment: SegmentImage,
  { size, hugePage }: Pick<SharedObject, 'size' | 'hugePage'>,
  creator: Shell | undefined,
  undo: SysvUndo,
): number {
  const run = creator === undefined ? runHere : (program: Program) => creator.run(program);
  return makeSysv({ kind: 'shm', permissions: segment, size, hugePage }, run, undo);
}

const runHere = (program: Program): ReturnType<typeof runLocal> => runLocal(program, 'System V segment');

export function removeSegment(id: number): void {
  removeSysv('shm', id, runHere);
}

/** What shows, once all is attached and written. `last`: the shell of the process that attached or detached last. */
export function finishSegment({ id, uid, gid, mode }: SegmentImage, last: Shell | undefined): void {
  if (last !== undefined) {
    const program = new Program();
    program.attempt('shmdt', program.call('shmat', id, 0, shmReadOnly));
    last.run(program);
  }
  const about = new Uint8Array(shmidLength);
  const view = new DataView(about.buffer);
  view.setUint32(4, uid, true);
  view.setUint32(8, gid, true);
  view.setUint32(20, mode & 0o777, true);
  const program = new Program();
  if ((mode & locked) !== 0) program.call('shmctl', id, shmLock, 0);
  program.call('shmctl', id, ipcSet, program.bytes(about));
  if ((mode & destroyed) !== 0) program.call('shmctl', id, ipcRmid, 0);
  runHere(program);
}

/** One shmat(2) of the program, and what is left of it after munmap, mprotect and mremap of parts. */
interface Attachment {
  readonly base: number;
  readonly isWritable: boolean;
  readonly pieces: Mapping[];
}

/**
 * Attaches a segment of `size` bytes, in pages of `page`, where `pieces` want it. `taken`: what is mapped, or will be. shmdt(2) takes away at once what one
 * shmat(2) has brought and stands where it was: pieces that agree in where the whole would begin are of one.
 */
export function attachSegment(
  shell: Shell,
  { id, size, page }: { readonly id: number; readonly size: number; readonly page: number },
  pieces: readonly Mapping[],
  taken: readonly Range[],
): void {
  const length = Math.ceil(size / page) * page;
  shell.runSteps(
    attachments(pieces).map(({ base, isWritable, pieces: parts }) => (program) => {
      const flags = isWritable ? 0 : shmReadOnly;
      const [first] = parts;
      if (parts.length === 1 && first !== undefined && first.start === base && first.end - base === length) {
        program.call('shmat', id, base, flags | shmRemap);
      } else {
        const aside = findHole(taken, length, page);
        program.call('shmat', id, aside, flags);
        for (const { start, end, offset } of parts)
          program.call('mremap', aside + offset, end - start, end - start, remapFixed, start);
        program.call('munmap', aside, length);
      }
      for (const part of parts) {
        const { start, end } = part;
        const protection = stagedProtection(part);
        if (protection !== (isWritable ? readWrite : readOnly))
          program.call('mprotect', start, end - start, protection);
      }
    }),
  );
}

function attachments(pieces: readonly Mapping[]): Attachment[] {
  const found: Attachment[] = [];
  for (const piece of pieces) {
    const base = piece.start - piece.offset;
    const isWritable = piece.writable || (piece.protection & 2) !== 0;
    const known = found.find((other) => other.base === base && other.isWritable === isWritable);
    if (known === undefined) found.push({ base, isWritable, pieces: [piece] });
    else known.pieces.push(piece);
  }
  return found;
}
