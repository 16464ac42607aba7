// The memfds that descriptors of the tree refer to: what maps do not show of them (seals), and those that nobody maps.
import { runLocal } from '../../kernel/local-program.ts';
import { isError, Program } from '../../kernel/program.ts';
import type { SharedObject } from '../../images/memory.ts';
import { objectKey } from '../pages/shared-objects.ts';
import { readDescriptors, type ProcessRef, type SeenFile } from './seen-file.ts';
import { Thief } from './thief.ts';

const getSeals = 1034;

export interface OpenMemfd {
  /** objectKey of its inode. */
  readonly key: string;
  readonly object: Omit<SharedObject, 'id'>;
  /** Where the agent can open it: /proc/PID/fd/N. */
  readonly procPath: string;
}

/** Each memfd once. The tree may run. */
export function openMemfds(processes: readonly ProcessRef[]): OpenMemfd[] {
  using thief = new Thief();
  const found = new Map<string, OpenMemfd>();
  for (const file of processes.flatMap((process) => readDescriptors(process))) {
    if (!file.isMemfd) continue;
    const key = memfdKey(file);
    if (found.has(key)) continue;
    const name = file.link.slice('/memfd:'.length, -' (deleted)'.length);
    const object = {
      kind: 'memfd' as const,
      size: Number(file.stat.size),
      name,
      seals: sealsOf(thief.fdOf(file)),
    };
    found.set(key, { key, object, procPath: file.procPath });
    thief.release();
  }
  return [...found.values()];
}

/** objectKey of an open file's inode. */
export function memfdKey(file: SeenFile): string {
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
