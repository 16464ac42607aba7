// /proc/PID/mountinfo (proc_pid_mountinfo(5)): the mounts that a process sees, and which of them a file lies on.
import { readProcText } from './proc/read-proc.ts';
import { unescapeOctal } from './proc/text.ts';

export interface Mount {
  readonly id: number;
  readonly parentId: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** What of the file system is mounted: "/" all of it. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** "shared:1", "master:2", "propagate_from:3", "unbindable" */
  readonly tags: readonly string[];
  /** "ext4", "overlay", "fuse.sshfs" */
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

const minorBits = 20;
const escaped = [' ', '\t', '\n', '\\', '#'];

/** In the order in which they were mounted: a later mount hides an earlier one at the same place. */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

/** "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
function parseLine(line: string): Mount {
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id, parentId, device = '', root = '', mountPoint = '', options = ''] = fields;
  const [type = '', source = '', superOptions = ''] = fields.slice(dash + 1);
  const [major, minor] = device.split(':');
  return {
    id: Number(id),
    parentId: Number(parentId),
    devMajor: Number(major),
    devMinor: Number(minor),
    root: unescapeOctal(root, escaped),
    mountPoint: unescapeOctal(mountPoint, escaped),
    options: options.split(','),
    tags: fields.slice(6, dash),
    type: unescapeOctal(type, escaped),
    source: unescapeOctal(source, escaped),
    superOptions: superOptions.split(','),
  };
}

/** The mount with the mnt_id that fdinfo shows; undefined for kernel-internal mounts (pipes, sockets, memfds). */
export function mountById(mounts: readonly Mount[], id: number): Mount | undefined {
  return mounts.find((mount) => mount.id === id);
}

/** The mounts of a file system, by the kernel's dev_t, which fdinfo shows as sdev: 12 bits of major, 20 bits of minor number. */
export function mountsOfDevice(mounts: readonly Mount[], device: number): Mount[] {
  return mounts.filter(
    ({ devMajor, devMinor }) => devMajor === device >>> minorBits && devMinor === device % (1 << minorBits),
  );
}

/** The mount that a path, absolute and without links, lies on. */
export function mountOfPath(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (!isBelow(path, mount.mountPoint)) continue;
    if (best === undefined || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

function isBelow(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** Undefined when the process is gone; [] for a zombie. */
export function readMountinfo(pid: number | 'self'): Mount[] | undefined {
  try {
    const text = readProcText(pid, 'mountinfo');
    return text === undefined ? undefined : parseMountinfo(text);
  } catch (error) {
    // A zombie has no mount namespace any more: open(2) fails with EINVAL.
    if ((error as { cause?: NodeJS.ErrnoException }).cause?.code === 'EINVAL') return [];
    throw error;
  }
}
