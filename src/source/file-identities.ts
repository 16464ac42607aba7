// Files that the tree has mapped or opened, each once: what the target must find under the same path.
// Hashes are made while the tree runs, and kept as long as size and times stand still.
import { closeSync, openSync, statSync, type BigIntStats } from 'node:fs';
import { GodwitError } from '../errors.ts';
import type { FileIdentity, FilePolicy } from '../images/memory.ts';
import { linkOfMapping } from '../kernel/mapped-file.ts';
import { isOwnStorage } from '../kernel/own-storage.ts';
import type { Vma } from '../kernel/proc/maps.ts';
import { native } from '../native.ts';

interface Entry {
  readonly identity: FileIdentity;
  readonly index: number;
}

export class FileIdentities {
  readonly #entries = new Map<string, Entry>();
  readonly #list: FileIdentity[] = [];
  readonly #hashes: Map<string, bigint>;
  readonly #mappings = new Map<string, number>();

  readonly #policy: FilePolicy;

  constructor(policy: FilePolicy = 'content', hashes = new Map<string, bigint>()) {
    this.#policy = policy;
    this.#hashes = hashes;
  }

  /** An empty list that hashes nothing again. */
  anew(): FileIdentities {
    return new FileIdentities(this.#policy, this.#hashes);
  }

  get list(): FileIdentity[] {
    return [...this.#list];
  }

  /** Index of the file behind a mapping. Looked at once: {@link changed} tells later what has changed since. */
  ofMapping(pid: number, vma: Vma, written: boolean): number {
    const key = `${vma.path} ${vma.devMajor}:${vma.devMinor}:${vma.inode} ${written ? 'written' : ''}`;
    const known = this.#mappings.get(key);
    if (known !== undefined) return known;
    const index = this.add(vma.path, linkOfMapping(pid, vma), written);
    this.#mappings.set(key, index);
    return index;
  }

  /** Takes over an identity that was made elsewhere. Returns its index. */
  adopt(identity: FileIdentity): number {
    const key = `${identity.path} ${identity.dev}:${identity.ino}`;
    const known = this.#entries.get(key);
    if (known && (known.identity.written || !identity.written)) return known.index;
    const index = known?.index ?? this.#list.length;
    this.#list[index] = identity;
    this.#entries.set(key, { identity, index });
    return index;
  }

  /** Files that were hashed and have other times or another size now; nothing is hashed again. */
  changed(): FileIdentity[] {
    return this.#list.filter((identity) => {
      if (identity.written) return false;
      const now = statSync(identity.path, { bigint: true, throwIfNoEntry: false });
      return now === undefined || now.ino !== identity.ino || !sameTimes(identity, now);
    });
  }

  /** Bytes of an object that is mapped and has no name. @throws GodwitError NO_PROCESS when something else is mapped there by now */
  sizeOfMapped(pid: number, vma: Vma): number {
    const link = linkOfMapping(pid, vma);
    const { size, ino } = stat(link, vma.path);
    // Without the right to use map_files the name of memory that was unmapped leads to a device.
    if (Number(ino) !== vma.inode) throw vanished(vma.path, link);
    return Number(size);
  }

  /**
   * Index of a file, by its path in the tree and a link that leads to its very inode (/proc/PID/fd/N,
   * /proc/PID/map_files/..., /proc/PID/exe). `written`: the tree may change it, so its content is no identity.
   */
  add(path: string, link: string, written: boolean): number {
    const found = stat(link, path);
    const key = `${path} ${found.dev}:${found.ino}`;
    const known = this.#entries.get(key);
    if (known && (known.identity.written || !written) && sameTimes(known.identity, found)) return known.index;
    const index = known?.index ?? this.#list.length;
    // The check refuses devices; reading one (/dev/zero) might never end.
    const isHashed = !written && found.isFile() && this.#policy === 'content';
    const hashed = !isHashed ? {} : { hash: this.#hash(link, path, found) };
    const identity: FileIdentity = {
      path,
      size: Number(found.size),
      mtimeMs: Number(found.mtimeNs) / 1e6,
      dev: found.dev,
      ino: found.ino,
      written: written || (known?.identity.written ?? false),
      compare: this.#policy,
      ownStorage: written && isOwnStorage(link),
      ...hashed,
    };
    this.#list[index] = identity;
    this.#entries.set(key, { identity, index });
    return index;
  }

  #hash(link: string, path: string, found: BigIntStats): bigint {
    const key = `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
    const known = this.#hashes.get(key);
    if (known !== undefined) return known;
    let fd: number;
    try {
      fd = openSync(link, 'r');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw vanished(path, link, cause);
      throw new GodwitError('NO_RIGHTS', `cannot read ${path} to compare it with the target's`, { cause });
    }
    try {
      const hash = native.xxh3File(fd);
      if (hash < 0n) throw new GodwitError('SYSCALL', `cannot read ${path} to compare it with the target's`);
      this.#hashes.set(key, hash);
      return hash;
    } finally {
      closeSync(fd);
    }
  }
}

function sameTimes(identity: FileIdentity, found: BigIntStats): boolean {
  if (identity.written) return true;
  return identity.size === Number(found.size) && identity.mtimeMs === Number(found.mtimeNs) / 1e6;
}

function stat(link: string, path: string): BigIntStats {
  try {
    return statSync(link, { bigint: true });
  } catch (cause) {
    throw vanished(path, link, cause);
  }
}

function vanished(path: string, link: string, cause?: unknown): GodwitError {
  return new GodwitError('NO_PROCESS', `${path} is not there any more where the process had it (${link})`, {
    cause,
  });
}
