// Reserved huge pages for a test, of the size that the machine takes for its own. They are the whole machine's while they are there.
import { readFileSync, writeFileSync } from 'node:fs';

const path = '/proc/sys/vm/nr_hugepages';

export class HugePages implements Disposable {
  readonly #added: number;

  private constructor(added: number) {
    this.#added = added;
  }

  /** As many as the machine has to give: those who need more find none. Without the rights of root none at all. */
  static reserve(count: number): HugePages {
    const before = readCount();
    try {
      writeFileSync(path, String(before + count));
    } catch {
      return new HugePages(0);
    }
    return new HugePages(readCount() - before);
  }

  [Symbol.dispose](): void {
    if (this.#added > 0) writeFileSync(path, String(Math.max(0, readCount() - this.#added)));
  }
}

function readCount(): number {
  return Number(readFileSync(path, 'latin1'));
}

/** Pages of 2 MiB that are there and nobody uses. */
export function freeHugePages(): number {
  const meminfo = readFileSync('/proc/meminfo', 'latin1');
  const value = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  return value('Hugepagesize') === 2048 ? value('HugePages_Free') - value('HugePages_Rsvd') : 0;
}
