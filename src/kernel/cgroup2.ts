// The cgroup v2 hierarchy: where it is mounted, which directory of it a process sits in, and the files of one
// directory. On hosts where v1 holds the controllers v2 may be mounted elsewhere than /sys/fs/cgroup.
import { accessSync, closeSync, constants, openSync, readSync, rmdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GodwitError } from '../errors.ts';
import { readMountinfo, type Mount } from './mountinfo.ts';
import { readCgroup2 } from './proc/cgroup.ts';

/** @throws GodwitError UNSUPPORTED where cgroup v2 is not mounted. */
export function cgroup2Mount(): Mount {
  const mount = readMountinfo('self')?.findLast(({ type }) => type === 'cgroup2');
  if (mount !== undefined) return mount;
  throw new GodwitError('UNSUPPORTED', 'this host has no cgroup v2 hierarchy mounted', {
    hint: 'mount -t cgroup2 none /sys/fs/cgroup/unified',
  });
}

/** The v2 directory that a process sits in; undefined when it is gone. */
export function cgroup2Dir(pid: number | 'self', mount: Mount = cgroup2Mount()): string | undefined {
  const path = readCgroup2(pid);
  if (path === undefined) return undefined;
  // A container without a cgroup namespace sees whole paths, but only its own part is mounted.
  const inside = mount.root !== '/' && (path === mount.root || path.startsWith(`${mount.root}/`));
  const below = inside ? path.slice(mount.root.length) : path;
  return below === '/' ? mount.mountPoint : join(mount.mountPoint, below);
}

/**
 * Below which keepers and the fences of targets are made: the root, or, for a user who may not write there, the agent's own directory,
 * which must have been delegated. GODWIT_CGROUP names another place.
 */
export function cgroup2Base(): string {
  const chosen = process.env['GODWIT_CGROUP'];
  if (chosen !== undefined) return chosen;
  const mount = cgroup2Mount();
  return isWritable(mount.mountPoint) ? mount.mountPoint : (cgroup2Dir('self', mount) ?? mount.mountPoint);
}

export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** One directory with its hot files kept open: freezing is a single write. */
export class CgroupDir implements Disposable {
  readonly path: string;
  readonly #freeze: number;
  readonly #events: number;
  readonly #procs: number;

  private constructor(path: string, freeze: number, events: number, procs: number) {
    this.path = path;
    this.#freeze = freeze;
    this.#events = events;
    this.#procs = procs;
  }

  /** @throws GodwitError UNSUPPORTED, NO_RIGHTS */
  static open(path: string): CgroupDir {
    try {
      return new CgroupDir(
        path,
        openSync(join(path, 'cgroup.freeze'), constants.O_WRONLY),
        openSync(join(path, 'cgroup.events'), constants.O_RDONLY),
        openSync(join(path, 'cgroup.procs'), constants.O_RDWR),
      );
    } catch (cause) {
      throw cgroupError(cause, `cannot use the cgroup ${path}`);
    }
  }

  set frozen(wanted: boolean) {
    writeSync(this.#freeze, wanted ? '1' : '0');
  }

  /** True when every task in it stands (a ptrace stop counts). */
  get isFrozen(): boolean {
    return readAll(this.#events).includes('frozen 1');
  }

  get isPopulated(): boolean {
    return readAll(this.#events).includes('populated 1');
  }

  /** PIDs as we see them; processes outside of our PID namespace are left out. */
  pids(): number[] {
    return readAll(this.#procs)
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0);
  }

  /** Moves a process with all its threads here. False when it is gone. @throws GodwitError UNSUPPORTED, NO_RIGHTS */
  take(pid: number): boolean {
    return move(pid, this.#procs, this.path);
  }

  /** Moves all processes to another directory (perhaps the root, which cannot be frozen) and removes this one. */
  giveBack(parent: string): boolean {
    const procs = openSync(join(parent, 'cgroup.procs'), constants.O_WRONLY);
    try {
      for (let pids = this.pids(); pids.length > 0; pids = this.pids()) {
        for (const pid of pids) move(pid, procs, parent);
      }
    } finally {
      closeSync(procs);
    }
    return removeCgroupDir(this.path);
  }

  /** Closes the files; the directory stays. */
  [Symbol.dispose](): void {
    closeSync(this.#freeze);
    closeSync(this.#events);
    closeSync(this.#procs);
  }
}

/** rmdir(2); for some milliseconds after the last process has left it fails with EBUSY. False: not empty. */
export function removeCgroupDir(path: string, patienceMs = 100): boolean {
  for (const end = performance.now() + patienceMs; ;) {
    try {
      rmdirSync(path);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return true;
      if (code !== 'EBUSY' || performance.now() > end) return false;
    }
  }
}

export function cgroupError(cause: unknown, what: string): GodwitError {
  const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const hint = 'Godwit needs a writable cgroup v2 hierarchy: run as root, or delegate a part of it';
    return new GodwitError('NO_RIGHTS', `${what}: ${code}`, { hint, cause });
  }
  return new GodwitError('UNSUPPORTED', `${what}: ${code}`, { cause });
}

function move(pid: number, procs: number, path: string): boolean {
  try {
    writeSync(procs, String(pid));
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw cgroupError(cause, `process ${pid} cannot be moved to the cgroup ${path}`);
  }
}

function readAll(fd: number): string {
  const block = Buffer.allocUnsafe(16384);
  let text = '';
  for (let at = 0; ;) {
    const got = readSync(fd, block, 0, block.length, at);
    if (got === 0) return text;
    text += block.toString('latin1', 0, got);
    at += got;
  }
}
