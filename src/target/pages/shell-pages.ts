// Writes pages into one shell, whose memory lies at the source's addresses already. It knows which pages were written,
// so that pages of zeros cost nothing where nothing was, and which were inherited from the parent's shell, so that equal
// ones stay shared by copy-on-write.
import { closeSync, openSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { Mapping } from '../../images/memory.ts';
import { runsInside, runsOf, runsOfSet, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';

export class ShellPages {
  readonly pid: number;
  /** /proc/PID/mem. */
  readonly memFd: number;
  readonly #written = setOf();
  readonly #inherited = setOf();
  /** Private mappings of files: an untouched page is not zero there. */
  #fileRanges: PageRuns = runsOf([]);
  #failed = new Float64Array(1);

  /** `parent`: the shell that this one was just cloned from. */
  constructor(pid: number, parent?: ShellPages) {
    this.pid = pid;
    this.memFd = openSync(`/proc/${pid}/mem`, 'r+');
    if (parent === undefined) return;
    this.#written.addSet(parent.#written);
    this.#inherited.addSet(parent.#written);
    this.#fileRanges = parent.#fileRanges;
  }

  /** To be told when the layout was applied. Where something was mapped afresh, more may be taken for written; never less. */
  update(mappings: readonly Mapping[]): void {
    const files = mappings.filter(({ kind, shared }) => !shared && (kind === 'file' || kind === 'object'));
    this.#fileRanges = runsOf(files.toSorted((a, b) => a.start - b.start));
  }

  /** @throws GodwitError NO_PROCESS (the shell died), SYSCALL (nothing is mapped there, no memory) */
  write(pages: PageRuns, payload: Uint8Array): void {
    const { runs, count } = pages;
    const failed = this.#failed;
    const mayBeShared = runsInside(this.#inherited, pages).count > 0;
    const result = mayBeShared
      ? native.writeDifferent(this.pid, this.memFd, runs, count, payload, failed)
      : native.writePages(this.pid, this.memFd, runs, count, payload, failed);
    if (result < 0) throw this.#problem(result);
    this.#written.add(runs, count);
  }

  writeZeros(pages: PageRuns): void {
    const touched = setOf(runsInside(this.#written, pages));
    const inFiles = runsInside(setOf(pages), this.#fileRanges);
    touched.add(inFiles.runs, inFiles.count);
    const { runs, count } = runsOfSet(touched);
    const result = native.writeDifferent(this.pid, this.memFd, runs, count, null, this.#failed);
    if (result < 0) throw this.#problem(result);
    this.#written.add(inFiles.runs, inFiles.count);
  }

  /** The pages were given back (MADV_DONTNEED), or their mappings are gone. */
  dropped({ runs, count }: PageRuns): void {
    this.#written.remove(runs, count);
    this.#inherited.remove(runs, count);
  }

  close(): void {
    closeSync(this.memFd);
  }

  #problem(errno: number): GodwitError {
    const name = errnoName(errno);
    if (name === 'ESRCH')
      return new GodwitError('NO_PROCESS', `the shell ${this.pid} died while its memory was written`);
    const address = `0x${(this.#failed[0] ?? 0).toString(16)}`;
    return new GodwitError(
      'SYSCALL',
      `the page at ${address} of shell ${this.pid} cannot be written: ${name}`,
      {
        hint: 'the target may be out of memory, or its layout is not the source’s',
      },
    );
  }
}
