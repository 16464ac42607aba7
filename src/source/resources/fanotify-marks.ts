// Where the objects of fanotify marks are: paths that mean the same on the target.
import type { ResourceImage } from '../../images/resources/registry.ts';
import { pathOfHandle } from '../../kernel/file-handle.ts';
import { mountById, mountOfPath, mountsOfDevice, readMountinfo, type Mount } from '../../kernel/mountinfo.ts';
import type { FanotifyMark, MarkedObject } from '../../kernel/proc/fanotify.ts';
import { readNamespaces } from '../../kernel/proc/ns.ts';
import type { Refusal } from './driver.ts';
import type { ProcessRef } from './seen-file.ts';

type Place = ResourceImage<'fanotify'>['marks'][number]['object'];

export class MarkPlaces {
  readonly #home: ProcessRef;
  readonly #own: readonly Mount[];
  #its: readonly Mount[] | undefined;

  /** `home`: a process that has the group. */
  constructor(home: ProcessRef) {
    this.#home = home;
    this.#own = readMountinfo('self') ?? [];
  }

  find({ object, line }: FanotifyMark): Place | Refusal {
    if (object.on === 'inode') return this.#inode(object) ?? lost(line);
    if (object.on === 'mount') return this.#mount(object.mountId) ?? hidden('mount', line);
    if (object.on === 'filesystem') return this.#filesystem(object.device) ?? hidden('file system', line);
    return readNamespaces(this.#home.pid)?.mnt === object.ino
      ? { on: 'namespace', process: this.#home.vpid }
      : elsewhere(line);
  }

  #inode({ device, handle }: MarkedObject & { on: 'inode' }): Place | undefined {
    const path = handle && pathOfHandle(handle, mountsOfDevice(this.#own, device));
    return path === undefined ? undefined : { on: 'inode', path };
  }

  /** IDs of mounts in a namespace of the tree's own are not the agent's. */
  #mount(id: number): Place | undefined {
    if (mountById(this.#own, id) !== undefined) return visible(this.#own, id);
    this.#its ??= readMountinfo(this.#home.pid) ?? [];
    return visible(this.#its, id);
  }

  #filesystem(device: number): Place | undefined {
    const whole = mountsOfDevice(this.#own, device).sort(
      (a, b) => Number(b.root === '/') - Number(a.root === '/'),
    );
    const seen = whole.map(({ id }) => visible(this.#own, id)).find((place) => place !== undefined);
    return seen && { ...seen, on: 'filesystem' };
  }
}

function visible(mounts: readonly Mount[], id: number): { on: 'mount'; path: string } | undefined {
  const mount = mountById(mounts, id);
  if (mount === undefined || mountOfPath(mounts, mount.mountPoint) !== mount) return undefined;
  return { on: 'mount', path: mount.mountPoint };
}

const removeMark = 'let the program remove that mark';

function lost(line: string): Refusal {
  return {
    reason: `no path leads to what it watches (${line}): it was deleted, or its file system does not find files by handles`,
    remedy: `${removeMark}, or run migrate with CAP_DAC_READ_SEARCH`,
  };
}

function hidden(what: string, line: string): Refusal {
  return {
    reason: `no path leads to the ${what} that it watches (${line}): it is not mounted here, or something else is mounted over it`,
    remedy: removeMark,
  };
}

function elsewhere(line: string): Refusal {
  return {
    reason: `it watches the mounts of a mount namespace (${line}) in which the process is not`,
    remedy: removeMark,
  };
}
