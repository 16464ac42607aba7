// What descriptors of the tree refer to and no name leads to: memfds (maps show neither their seals nor those that nobody maps),
// and files that were deleted while they are open or made with O_TMPFILE. Their content travels as shared objects.
import { dirname } from 'node:path';
import { runLocal } from '../../kernel/local-program.ts';
import { isError, Program } from '../../kernel/program.ts';
import type { SharedObject } from '../../images/memory.ts';
import { objectKey } from '../pages/shared-objects.ts';
import { readDescriptors, type ProcessRef, type SeenFile } from './seen-file.ts';
import { Thief } from './thief.ts';
import { unlessGone } from './unless-gone.ts';

const getSeals = 1034;

export interface OpenObject {
  /** objectKey of its inode. */
  readonly key: string;
  readonly object: Omit<SharedObject, 'id'>;
  /** Where the agent can open it: /proc/PID/fd/N. */
  readonly procPath: string;
}

/** Each object once. The tree may run. */
export function openObjects(processes: readonly ProcessRef[]): OpenObject[] {
  using thief = new Thief();
  const found = new Map<string, OpenObject>();
  for (const file of processes.flatMap((process) => readDescriptors(process))) {
    unlessGone(() => {
      const object = objectOf(file, thief);
      if (object !== undefined)
        found.set(keyOfFile(file), { key: keyOfFile(file), object, procPath: file.procPath });
    });
    thief.release();
  }
  return [...found.values()];
}

function objectOf(file: SeenFile, thief: Thief): Omit<SharedObject, 'id'> | undefined {
  const size = (): number => Number(file.stat.size);
  if (file.isMemfd) {
    const name = file.link.slice('/memfd:'.length, -' (deleted)'.length);
    return { kind: 'memfd', size: size(), name, seals: sealsOf(thief.fdOf(file)) };
  }
  if (!file.isNameless) return undefined;
  const { mode, uid, gid } = file.stat;
  const place = {
    directory: dirname(file.path),
    mode: Number(mode) & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
  };
  return { kind: 'nameless', size: size(), name: '', seals: 0, place };
}

/** objectKey of an open file's inode. */
export function keyOfFile(file: SeenFile): string {
  const { dev, ino } = file.stat;
  const devMajor = Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n));
  const devMinor = Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));
  return objectKey({ devMajor, devMinor, inode: Number(ino) });
}

function sealsOf(fd: number): number {
  const program = new Program();
  const seals = program.attempt('fcntl', fd, getSeals, 0);
  const result = runLocal(program).result(seals);
  return isError(result) ? 0 : Number(result);
}
