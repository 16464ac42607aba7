// A fence: the cgroup v2 freezer around a tree. On the source each process moves to a child, godwit-<id>-source, of its own
// cgroup; on the target the shells are born into one directory that the keeper made. A frozen fence holds its tasks
// also when nobody is left to hold them; thawing is one write. Must not decide when: that is the owner word's business.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '../errors.ts';
import { awaitFrozen } from './await-frozen.ts';
import { CgroupDir, cgroup2Dir, cgroup2Mount, cgroupError, removeCgroupDir } from './cgroup2.ts';
import type { Mount } from './mountinfo.ts';
import { readChildren } from './proc/children.ts';
import { readStat } from './proc/stat.ts';
import { readTids } from './proc/task.ts';

const freezeMs = 2000;

/** The keeper, as far as a fence needs it: what is registered there is undone if we die. */
export interface FenceUndo {
  undoThaw(dir: string): unknown;
  undoRestoreCgroup(dir: string, parent: string): unknown;
}

export class Fence implements Disposable {
  readonly #name: string;
  readonly #undo: FenceUndo | undefined;
  readonly #mount: Mount;
  /** By the directory that the processes came from; '' on the target. */
  readonly #dirs = new Map<string, CgroupDir>();

  private constructor(name: string, undo?: FenceUndo) {
    this.#name = name;
    this.#undo = undo;
    this.#mount = cgroup2Mount();
  }

  /**
   * Puts a fence around processes, which run on, and around all that descend from them. The first move costs some
   * 10 ms (fork and exit wait meanwhile, everywhere), each further one 5 us. @throws GodwitError UNSUPPORTED, NO_RIGHTS
   */
  static around(id: string, pids: Iterable<number>, undo?: FenceUndo): Fence {
    const fence = new Fence(`godwit-${id}-source`, undo);
    try {
      for (const pid of pids) fence.add(pid);
      fence.rescan();
    } catch (error) {
      fence.remove();
      throw error;
    }
    return fence;
  }

  /** The target's fence, made by its keeper. */
  static at(dir: string): Fence {
    const fence = new Fence('');
    fence.#dirs.set('', CgroupDir.open(dir));
    return fence;
  }

  /** Takes one process in. False when it is gone. */
  add(pid: number): boolean {
    const from = isAlive(pid) ? cgroup2Dir(pid, this.#mount) : undefined;
    if (from === undefined) return false;
    if (from.endsWith(`/${this.#name}`)) return true;
    if (!existsSync(from)) {
      if (!isAlive(pid)) return false;
      throw new GodwitError(
        'UNSUPPORTED',
        `process ${pid} sits in the cgroup ${from}, which is not visible here`,
      );
    }
    return this.#dirOf(from).take(pid);
  }

  /**
   * Takes in what was forked before its parent stood inside, until nothing new is found: from then on the kernel puts
   * each child where its parent is. Returns all PIDs inside.
   */
  rescan(): number[] {
    const tried = new Set<number>();
    for (;;) {
      const inside = this.pids();
      for (const pid of inside) tried.add(pid);
      const outside = inside.flatMap((pid) => readChildren(pid) ?? []).filter((pid) => !tried.has(pid));
      if (outside.length === 0) return inside;
      for (const pid of outside) {
        tried.add(pid); // once: one that ends just now never shows up inside
        this.add(pid);
      }
    }
  }

  /** Directories in use. */
  get dirs(): string[] {
    return Array.from(this.#dirs.values(), ({ path }) => path);
  }

  /** Stops every task, and waits until they stand (0.02 to 0.2 ms). @throws GodwitError TIMEOUT; it is thawed again then. */
  freeze(timeoutMs = freezeMs): void {
    const dirs = [...this.#dirs.values()];
    for (const dir of dirs) dir.frozen = true;
    try {
      for (const dir of dirs) awaitFrozen(dir, timeoutMs);
    } catch (error) {
      this.thaw();
      throw error;
    }
  }

  thaw(): void {
    for (const dir of this.#dirs.values()) dir.frozen = false;
  }

  get isFrozen(): boolean {
    return [...this.#dirs.values()].every((dir) => dir.isFrozen);
  }

  /** Processes inside; zombies are not among them. On the target the namespace's init is. */
  pids(): number[] {
    return [...this.#dirs.values()].flatMap((dir) => dir.pids());
  }

  /** Their threads: cgroup.threads cannot be read in every kind of cgroup. */
  tids(): number[] {
    return this.pids().flatMap((pid) => readTids(pid) ?? []);
  }

  /** Thaws, moves all back to where they came from, removes the directories (on the source). */
  remove(): void {
    this.thaw();
    for (const [parent, dir] of this.#dirs) {
      if (parent !== '') dir.giveBack(parent);
      dir[Symbol.dispose]();
    }
    this.#dirs.clear();
  }

  /** Forgets the fence; what it holds stays as it is, the keeper has it. */
  [Symbol.dispose](): void {
    for (const dir of this.#dirs.values()) dir[Symbol.dispose]();
    this.#dirs.clear();
  }

  #dirOf(from: string): CgroupDir {
    const known = this.#dirs.get(from);
    if (known !== undefined) return known;
    const path = join(from, this.#name);
    try {
      // Before the first process moves: else a dead agent leaves it there. With a keeper it is the keeper who makes it.
      this.#undo?.undoRestoreCgroup(path, from);
      mkdirSync(path, { recursive: true });
      this.#undo?.undoThaw(path);
      const dir = CgroupDir.open(path);
      this.#dirs.set(from, dir);
      return dir;
    } catch (error) {
      removeCgroupDir(path);
      throw cgroupError(
        error instanceof GodwitError ? (error.cause ?? error) : error,
        `cannot make the cgroup ${path}`,
      );
    }
  }
}

/** A zombie leaves no cgroup, and is no fork's parent. */
function isAlive(pid: number): boolean {
  const state = readStat(pid)?.state;
  return state !== undefined && state !== 'Z' && state !== 'X';
}
