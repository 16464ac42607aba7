// Files that are mapped and whose name was taken away, by a package upgrade for instance. Where another name leads to the file it is
// mapped by that one; where none does its content travels, as that of files that are deleted while they are open.
import { statSync, type BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import type { SharedObject } from '../images/memory.ts';
import { GodwitError } from '../errors.ts';
import { isAnonymousHuge } from '../kernel/huge-pages.ts';
import { linkOfMapping } from '../kernel/mapped-file.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { stripDeleted } from '../kernel/proc/text.ts';
import { keyOfStat, objectKey, objectKind } from './pages/shared-objects.ts';
import { FileNames } from './resources/file-names.ts';

export type DeletedFile =
  | { readonly kind: 'named'; readonly path: string }
  | { readonly kind: 'nameless'; readonly key: string; readonly object: Omit<SharedObject, 'id'> }
  /** Others may write to it by a name that is not to be found, and the tree would not see it any more. */
  | { readonly kind: 'elsewhere' };

/** Does maps say that the file of this mapping was deleted, and is it no memory without a file system? */
export function isDeletedFile(vma: Vma): boolean {
  if (!vma.deleted || vma.inode === 0 || !vma.path.startsWith('/')) return false;
  return objectKind(vma) === undefined && !isAnonymousHuge(vma);
}

/** What belongs to a file without a name beside its content. `path`: the name that it had. */
export function namelessObject(path: string, stat: BigIntStats): Omit<SharedObject, 'id'> {
  const place = {
    directory: dirname(path),
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
  };
  return { kind: 'nameless', size: Number(stat.size), name: '', seals: 0, place };
}

/**
 * The file behind a link of /proc that shows it as deleted. `path`: the name that it had. `mustStay`: what others write to it by another
 * name must be seen. @throws the error of stat(2)
 */
export function deletedFile(
  link: string,
  path: string,
  mustStay: boolean,
  names = new FileNames(),
): DeletedFile {
  const stat = statSync(link, { bigint: true });
  const name = stat.nlink === 0n ? undefined : names.nameOf({ path, stat });
  if (name !== undefined) return { kind: 'named', path: name };
  if (!stat.isFile() || (stat.nlink > 0n && mustStay)) return { kind: 'elsewhere' };
  return { kind: 'nameless', key: keyOfStat(stat), object: namelessObject(path, stat) };
}

/** The deleted files of one flight: each is looked at once a reading, and must stay what it was in the reading before. */
export class DeletedFiles {
  readonly #names = new FileNames();
  readonly #known = new Map<string, string>();
  readonly #now = new Map<string, DeletedFile>();
  readonly #links = new Map<string, string>();

  /** Where the agent can open the nameless ones that were met since {@link lookAgain}, by key. */
  get links(): ReadonlyMap<string, string> {
    return this.#links;
  }

  lookAgain(): void {
    this.#now.clear();
    this.#links.clear();
  }

  /** @throws GodwitError NO_PROCESS: unmapped since maps was read; REFUSED */
  of(pid: number, vma: Vma): Exclude<DeletedFile, { kind: 'elsewhere' }> {
    const key = `${objectKey(vma)} ${vma.path} ${vma.shared ? 'shared' : ''}`;
    const found = this.#now.get(key) ?? this.#look(pid, vma);
    if (found.kind === 'elsewhere') throw changed(vma.path);
    const name = found.kind === 'named' ? found.path : '';
    const before = this.#known.get(key);
    if (before !== undefined && before !== name) throw changed(vma.path);
    this.#known.set(key, name);
    this.#now.set(key, found);
    if (found.kind === 'nameless') this.#links.set(found.key, linkOfMapping(pid, vma));
    return found;
  }

  #look(pid: number, vma: Vma): DeletedFile {
    try {
      return deletedFile(linkOfMapping(pid, vma), vma.path, vma.shared, this.#names);
    } catch (cause) {
      if (cause instanceof GodwitError) throw cause;
      throw new GodwitError('NO_PROCESS', `process ${pid} has unmapped ${vma.path} since it was looked at`, {
        cause,
      });
    }
  }
}

/** What is on the target already belongs to the name that it had. */
function changed(path: string): GodwitError {
  return new GodwitError('REFUSED', `the names of ${path}, which is mapped, change while the tree is moved`, {
    hint: 'try again',
  });
}

export const unmappedExecutable = 'its executable was deleted, and nothing of it is mapped any more';

/** What /proc/PID/exe leads to: by `link` the file itself, by `path` its name. `shown`: the text of the link. */
export function readExecutable(
  pid: number,
  shown: string,
):
  | { readonly kind: 'named'; readonly path: string; readonly link: string }
  | { readonly kind: 'nameless'; readonly key: string } {
  const link = `/proc/${pid}/exe`;
  const { path, deleted } = stripDeleted(shown);
  if (!deleted) return { kind: 'named', path, link };
  const file = deletedFile(link, path, false);
  if (file.kind === 'nameless') return file;
  return { kind: 'named', path: file.kind === 'named' ? file.path : shown, link };
}
