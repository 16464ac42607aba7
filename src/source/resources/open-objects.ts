// What descriptors of the tree refer to and no name leads to: memfds (maps show neither their seals nor those that nobody maps),
// and files that were deleted while they are open or made with O_TMPFILE. Their content travels as shared objects.
import { hugePageOfStat } from '../../kernel/huge-pages.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { isError, Program } from '../../kernel/program.ts';
import type { SharedObject } from '../../images/memory.ts';
import { namelessObject } from '../deleted-files.ts';
import { keyOfStat } from '../pages/shared-objects.ts';
import { InFlight } from './in-flight.ts';
import type { ProcessRef, SeenFile } from './seen-file.ts';
import { Thief } from './thief.ts';
import { TreeFiles } from './tree-files.ts';
import { unlessGone } from './unless-gone.ts';

const getSeals = 1034;

export interface OpenObject {
  /** objectKey of its inode. */
  readonly key: string;
  readonly object: Omit<SharedObject, 'id'>;
  /** Where the agent can open it: /proc/PID/fd/N. */
  readonly procPath: string;
}

/** Calls `use` with each object once, while its procPath leads to it. The tree may run. */
export function forOpenObjects(processes: readonly ProcessRef[], use: (object: OpenObject) => void): void {
  using thief = new Thief();
  using inFlight = new InFlight('running');
  const found = new Set<string>();
  for (const { first: file } of TreeFiles.read(processes, inFlight).groups) {
    unlessGone(() => {
      const object = describeObject(file, thief);
      const key = keyOfFile(file);
      if (object === undefined || found.has(key)) return;
      found.add(key);
      use({ key, object, procPath: file.procPath });
    });
    thief.release();
  }
}

/** undefined: a file that has a name. */
export function describeObject(file: SeenFile, thief: Thief): Omit<SharedObject, 'id'> | undefined {
  if (file.isMemfd) {
    const name = file.link.slice('/memfd:'.length, -' (deleted)'.length);
    const size = Number(file.stat.size);
    const hugePage = hugePageOfStat(file.stat);
    const pages = hugePage === undefined ? {} : { hugePage };
    return { kind: 'memfd', size, name, seals: sealsOf(thief.fdOf(file)), ...pages };
  }
  return file.isNameless ? namelessObject(file.path, file.stat) : undefined;
}

/** objectKey of an open file's inode. */
export function keyOfFile(file: SeenFile): string {
  return keyOfStat(file.stat, file.link);
}

function sealsOf(fd: number): number {
  const program = new Program();
  const seals = program.attempt('fcntl', fd, getSeals, 0);
  const result = runLocal(program).result(seals);
  return isError(result) ? 0 : Number(result);
}
