// Directories that were removed on the source while they are in use: made under the name that they had, if that is free, and removed
// again at once. A descriptor of the agent's keeps each, until whoever uses it has it.
import { chmodSync, chownSync, closeSync, constants, mkdirSync, openSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { GodwitError } from '../errors.ts';
import { asUser } from './security/as-user.ts';
import type { RemovedDirectory } from '../images/removed-directory.ts';

const openPath = 0o10000000;

export class RemovedDirectories implements Disposable {
  readonly #fds = new Map<bigint, number>();

  /** The agent's descriptor (O_PATH). @throws GodwitError SYSCALL */
  fdOf(path: string, image: RemovedDirectory): number {
    let fd = this.#fds.get(image.id);
    if (fd === undefined) {
      fd = asUser(() => make(path, image));
      this.#fds.set(image.id, fd);
    }
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) closeSync(fd);
    this.#fds.clear();
  }
}

function make(path: string, { mode, uid, gid }: RemovedDirectory): number {
  const made = makeSomewhere(path);
  try {
    chmodSync(made, mode);
    if (process.geteuid?.() === 0) chownSync(made, uid, gid);
    return openSync(made, openPath | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new GodwitError('SYSCALL', `the removed directory ${path} cannot be made: ${String(cause)}`, {
      cause,
    });
  } finally {
    rmdirSync(made);
  }
}

/** With its name, else beside it, else above it as near as may be: its file system counts (mount options, space). */
function makeSomewhere(path: string): string {
  const another = `.${basename(path)}.godwit-${process.pid}`;
  let problem: unknown;
  const places = [path, join(dirname(path), another)];
  for (let above = dirname(dirname(path)); ; above = dirname(above)) {
    places.push(join(above, another));
    if (above === dirname(above)) break;
  }
  for (const place of [...places, join(tmpdir(), another)]) {
    try {
      mkdirSync(place, 0o700);
      return place;
    } catch (error) {
      problem = error;
    }
  }
  throw new GodwitError('SYSCALL', `the removed directory ${path} cannot be made: ${String(problem)}`);
}
