// Writes decoded page frames to where they belong: into the shell of an address space, or into the agent's descriptor of a
// shared object. Frames have been checked (transport/page-frame.ts); that the space exists is checked here.
import { closeSync, openSync, writeSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { Mapping } from '../../images/memory.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import { ShellPages } from './shell-pages.ts';

/** What a page connection hands over (transport/page-frame.ts: PageFrame). */
export interface WritablePages {
  readonly space: number;
  readonly kind: 'space' | 'object';
  readonly zero: boolean;
  readonly runs: Float64Array;
  readonly runCount: number;
  readonly payload: Uint8Array;
}

/** Where shared objects are written. */
export interface ObjectPlaces {
  /** The agent's descriptor. @throws GodwitError PROTOCOL */
  fd(id: number): number;
  /** Where the agent has mapped one that cannot be written by its descriptor; undefined: another one. @throws as fd */
  memory(id: number): number | undefined;
}

/** Where pages are read that were written before. */
export interface PageBases {
  readonly fd: number;
  /** What is added to their addresses. */
  readonly shift: number;
  /** Behind its end all is zero. */
  readonly isFile: boolean;
}

export class PageWriter {
  readonly #spaces = new Map<number, ShellPages>();
  readonly #objects: ObjectPlaces;
  #ownMemory = -1;
  #bytes = 0;

  constructor(objects: ObjectPlaces) {
    this.#objects = objects;
  }

  /** Bytes of content written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `pid` is the shell's as the agent sees it; `clonedFrom` the space whose shell it was just cloned from. */
  addSpace(space: number, pid: number, clonedFrom?: number): void {
    this.#spaces.get(space)?.close();
    const parent = clonedFrom === undefined ? undefined : this.#spaces.get(clonedFrom);
    this.#spaces.set(space, new ShellPages(pid, parent));
  }

  removeSpace(space: number): void {
    this.#spaces.get(space)?.close();
    this.#spaces.delete(space);
  }

  /** The layout of a space was applied. */
  updateSpace(space: number, mappings: readonly Mapping[]): void {
    this.#space(space).update(mappings);
  }

  /** Pages that the shell has given back. */
  dropped(space: number, pages: PageRuns): void {
    this.#space(space).dropped(pages);
  }

  /** @throws GodwitError PROTOCOL (unknown space), NO_PROCESS, SYSCALL, NO_SPACE */
  write(frame: WritablePages): void {
    this.#bytes += frame.payload.length;
    const pages = { runs: frame.runs, count: frame.runCount };
    if (frame.kind === 'object') this.#writeObject(frame);
    else if (frame.zero) this.#space(frame.space).writeZeros(pages);
    else this.#space(frame.space).write(pages, frame.payload);
  }

  /** @throws GodwitError PROTOCOL (nothing of the kind is here) */
  bases(kind: 'space' | 'object', space: number): PageBases {
    if (kind === 'space') return { fd: this.#space(space).memFd, shift: 0, isFile: false };
    const fd = this.#objects.fd(space);
    const memory = this.#objects.memory(space);
    return memory === undefined
      ? { fd, shift: 0, isFile: true }
      : { fd: this.#openOwnMemory(), shift: memory, isFile: false };
  }

  close(): void {
    for (const pages of this.#spaces.values()) pages.close();
    this.#spaces.clear();
    if (this.#ownMemory >= 0) closeSync(this.#ownMemory);
    this.#ownMemory = -1;
  }

  #writeObject(frame: WritablePages): void {
    const fd = this.#objects.fd(frame.space);
    const memory = frame.zero ? undefined : this.#objects.memory(frame.space);
    if (memory === undefined) {
      writeObject(fd, frame);
      return;
    }
    const runs = frame.runs.map((value, i) => (i % 2 === 0 ? value + memory : value));
    const failed = new Float64Array(1);
    const { runCount, payload } = frame;
    const result = native.writePages(process.pid, this.#openOwnMemory(), runs, runCount, payload, failed);
    // Nobody is told why a page could not be had: EFAULT here, the other one by way of /proc/self/mem.
    if (result < 0) throw objectProblem(frame.space, isPageMissing(result) ? 'ENOMEM' : errnoName(result));
  }

  #openOwnMemory(): number {
    if (this.#ownMemory < 0) this.#ownMemory = openSync('/proc/self/mem', 'r+');
    return this.#ownMemory;
  }

  #space(space: number): ShellPages {
    const pages = this.#spaces.get(space);
    if (pages !== undefined) return pages;
    throw new GodwitError(
      'PROTOCOL',
      `the source sent pages of process ${space}, for which there is no shell`,
    );
  }
}

/** Zero pages become holes, so that sparse objects stay sparse. */
function writeObject(fd: number, { space, zero, runs, runCount, payload }: WritablePages): void {
  let at = 0;
  for (let i = 0; i < runCount; i++) {
    const offset = runs[2 * i] ?? 0;
    const length = runs[2 * i + 1] ?? 0;
    if (zero) {
      const result = native.punchHole(fd, offset, length);
      if (result < 0) throw objectProblem(space, errnoName(result));
      continue;
    }
    for (const end = at + length; at < end;) {
      try {
        at += writeSync(fd, payload, at, end - at, offset + length - (end - at));
      } catch (error) {
        throw objectProblem(space, (error as NodeJS.ErrnoException).code ?? 'EIO');
      }
    }
  }
}

function isPageMissing(errno: number): boolean {
  return ['EFAULT', 'EIO', 'ENOMEM'].includes(errnoName(errno));
}

function objectProblem(id: number, name: string): GodwitError {
  const code = name === 'ENOSPC' || name === 'ENOMEM' ? 'NO_SPACE' : 'SYSCALL';
  return new GodwitError(code, `shared object ${id} cannot be written: ${name}`);
}
