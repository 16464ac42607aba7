// Names that lead to the files that are open: the kernel shows the name a file was opened by, wherever it leads now.
import { readdirSync, statSync, type BigIntStats } from 'node:fs';
import { basename, dirname, join } from 'node:path';

interface NamedFile {
  /** The name it was opened by, without the kernel's mark. */
  readonly path: string;
  readonly stat: BigIntStats;
}

export class FileNames {
  readonly #others = new Map<string, string>();

  /**
   * A name that leads to the very file: the one it was opened by if it still does, else another one in the same
   * directory (the name was removed, but a link is left). Undefined when there is none.
   */
  nameOf({ path, stat }: NamedFile): string | undefined {
    if (leadsTo(path, stat)) return path;
    if (stat.nlink === 0n) return undefined;
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#others.get(key);
    if (known !== undefined && leadsTo(known, stat)) return known;
    const directory = dirname(path);
    const found = entries(directory)
      .filter((name) => name !== basename(path))
      .map((name) => join(directory, name))
      .find((name) => leadsTo(name, stat));
    if (found !== undefined) this.#others.set(key, found);
    return found;
  }
}

function leadsTo(path: string, stat: BigIntStats): boolean {
  try {
    const named = statSync(path, { bigint: true, throwIfNoEntry: false });
    return named !== undefined && named.ino === stat.ino && named.dev === stat.dev;
  } catch {
    return false;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
