// Files that the agent opens for the shells, each once: shells pull the descriptors (pidfd_getfd). A path counts only
// if what it names here is the file that the source means.
import { closeSync, constants, fstatSync, openSync, type BigIntStats } from 'node:fs';
import { asGodwitError, GodwitError } from '../errors.ts';
import type { FileIdentity } from '../images/memory.ts';
import { fileHint } from './file-hint.ts';
import { isOwnStorage } from '../kernel/own-storage.ts';
import { native } from '../native.ts';
import { asUser } from './security/as-user.ts';

const needsFile = 'the target needs the same files as the source: copy it, or mount the same storage';

/** Why a path of this host is not the file that the source means; undefined: it is. */
export type Mismatch = string | undefined;

interface Entry {
  readonly identity: FileIdentity;
  /** Descriptors by access mode. */
  readonly fds: Map<number, number>;
}

export class AgentFiles {
  readonly #sameKernel: boolean;
  readonly #entries: Entry[] = [];
  readonly #ids = new Map<string, number>();
  #zeroFd: number | undefined;

  /** `sameKernel`: source and target have one boot ID, so that device and inode numbers mean the same. */
  constructor(sameKernel: boolean) {
    this.#sameKernel = sameKernel;
  }

  /** A number for the file that stays the same over all layouts (indices of layout.files do not). */
  intern(identity: FileIdentity): number {
    const key = `${identity.dev}:${identity.ino}:${identity.path}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#entries.push({ identity, fds: new Map() }) - 1;
    this.#ids.set(key, id);
    return id;
  }

  path(id: number): string {
    return this.#entry(id).identity.path;
  }

  /** The agent's descriptor of a file. @throws GodwitError REFUSED when it is missing or another one. */
  open(id: number, write: boolean): number {
    const { identity, fds } = this.#entry(id);
    const mode = write ? constants.O_RDWR : constants.O_RDONLY;
    const known = fds.get(mode);
    if (known !== undefined) return known;
    const fd = openIdentified(identity, mode, this.#sameKernel);
    fds.set(mode, fd);
    return fd;
  }

  /** The agent's descriptor of /dev/zero. @throws GodwitError REFUSED */
  zeroDevice(): number {
    this.#zeroFd ??= openZeroDevice();
    return this.#zeroFd;
  }

  close(): void {
    if (this.#zeroFd !== undefined) closeSync(this.#zeroFd);
    this.#zeroFd = undefined;
    for (const { fds } of this.#entries) {
      for (const fd of fds.values()) closeSync(fd);
      fds.clear();
    }
  }

  #entry(id: number): Entry {
    const entry = this.#entries[id];
    if (entry === undefined)
      throw new GodwitError('PROTOCOL', `the source named file ${id}, which is not in its list`);
    return entry;
  }
}

/** makedev(1, 5), Documentation/admin-guide/devices.txt */
const zeroDevice = 0x105;

/** Not just any file of that name. @throws GodwitError REFUSED */
function openZeroDevice(): number {
  let fd: number | undefined;
  try {
    fd = openSync('/dev/zero', constants.O_RDONLY);
    if (fstatSync(fd).rdev === zeroDevice) return fd;
  } catch {
    // not there: the same sentence
  }
  if (fd !== undefined) closeSync(fd);
  throw new GodwitError('REFUSED', 'the tree maps /dev/zero, which is not that device here', {
    hint: 'make it: mknod /dev/zero c 1 5',
  });
}

/** Opens a path and makes sure that it is the file meant. */
export function openIdentified(identity: FileIdentity, flags: number, sameKernel: boolean): number {
  let fd: number;
  try {
    fd = asUser(() => openSync(identity.path, flags | constants.O_NONBLOCK | constants.O_NOCTTY));
  } catch (error) {
    throw new GodwitError('REFUSED', `${identity.path} cannot be opened: ${asGodwitError(error).message}`, {
      hint: fileHint((error as NodeJS.ErrnoException).code, needsFile),
      cause: error,
    });
  }
  const mismatch = mismatchOf(identity, fd, sameKernel);
  if (mismatch === undefined) return fd;
  closeSync(fd);
  throw new GodwitError('REFUSED', `${identity.path} is not the source's file: ${mismatch}`, {
    hint: needsFile,
  });
}

export function mismatchOf(identity: FileIdentity, fd: number, sameKernel: boolean): Mismatch {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) return 'it is not a regular file';
  const sameInode = stat.ino === identity.ino && (!sameKernel || stat.dev === identity.dev);
  if (sameInode && sameKernel) return undefined;
  const { compare } = identity;
  if (!identity.written && compare === 'name') return undefined;
  if (!identity.written && stat.size !== BigInt(identity.size)) {
    return `it has ${stat.size} bytes instead of ${identity.size}`;
  }
  if (!identity.written && compare === 'size') return undefined;
  const sameTime = Math.abs(milliseconds(stat) - identity.mtimeMs) < 1;
  if (identity.written) {
    const apart = !sameKernel && identity.ownStorage && isOwnStorage(`/proc/self/fd/${fd}`);
    return sameInode && !apart
      ? undefined
      : 'the tree writes to it, and it does not lie on storage that both hosts share';
  }
  if (identity.hash === undefined) return sameTime ? undefined : 'its time of modification differs';
  if (sameInode && sameTime) return undefined;
  const hash = native.xxh3File(fd);
  if (hash < 0n) return `reading it failed with errno ${-hash}`;
  return hash === identity.hash ? undefined : 'its content differs';
}

function milliseconds(stat: BigIntStats): number {
  return Number(stat.mtimeNs) / 1e6;
}
