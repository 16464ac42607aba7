// The mappings of the tree's processes, read again and again: what a reading has in common with the one before is not parsed again, and is the very
// same object. So whatever is known of a mapping can be kept with it.
import { GodwitError } from '../errors.ts';
import { isScratchFile } from '../kernel/live-process.ts';
import { parseMapsLine, type Vma } from '../kernel/proc/maps.ts';
import { readProcText } from '../kernel/proc/read-proc.ts';

export interface Range {
  readonly start: number;
  readonly end: number;
}

interface Reading {
  readonly text: string;
  readonly ours: Range | undefined;
  readonly lines: ReadonlyMap<string, Vma>;
  readonly vmas: readonly Vma[];
}

export class SeenMaps {
  readonly #readings = new Map<number, Reading>();

  /**
   * VMAs that belong to the tree: not ours, nor those of an agent that was killed, and not the kernel's vsyscall page. The same list as before
   * where nothing has changed. @throws GodwitError NO_PROCESS
   */
  read(pid: number, ours: Range | undefined): readonly Vma[] {
    const text = readProcText(pid, 'maps');
    if (text === undefined) throw new GodwitError('NO_PROCESS', `process ${pid} ended while it was read`);
    const before = this.#readings.get(pid);
    if (before?.text === text && before.ours === ours) return before.vmas;
    const lines = new Map<string, Vma>();
    for (const line of text.split('\n'))
      if (line !== '') lines.set(line, before?.lines.get(line) ?? parseMapsLine(line));
    const isOurs = (vma: Vma): boolean => ours !== undefined && vma.start < ours.end && ours.start < vma.end;
    const vmas = [...lines.values()].filter(
      (vma) => vma.special !== 'vsyscall' && !isOurs(vma) && !isScratchFile(vma),
    );
    this.#readings.set(pid, { text, ours, lines, vmas });
    return vmas;
  }

  forget(pid: number): void {
    this.#readings.delete(pid);
  }
}
