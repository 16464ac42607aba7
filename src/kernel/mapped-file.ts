// The very file behind a mapping of another process. map_files leads there (CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN in the first user
// namespace, proc_map_files_get_link of fs/proc/base.c); without the right to use it the name does, as long as the file has that name.
import { closeSync, constants, openSync, statSync, type BigIntStats } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { pageSize } from '../units.ts';
import { deviceParts } from './device-number.ts';
import { isAnonymousHuge } from './huge-pages.ts';
import { runLocal } from './local-program.ts';
import { mayAccess } from './may-access.ts';
import { readMaps, type Vma } from './proc/maps.ts';
import { Program } from './program.ts';
import { may } from './rights.ts';

type Mapped = Pick<Vma, 'start' | 'end' | 'path' | 'shared' | 'deleted' | 'devMajor' | 'devMinor' | 'inode'>;

/** What a plain user lacks where memory has no name. */
export const needsCheckpointRestore = 'only CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN lets godwit open it';

/**
 * A path that leads to the file of a mapping; of one that the process has unmapped since maps was read it may lead nowhere.
 * @throws GodwitError NO_RIGHTS: it has no name, or none that we may open, and map_files may not be used
 */
export function linkOfMapping(pid: number, vma: Mapped): string {
  if (may('map-files')) return `/proc/${pid}/map_files/${vma.start.toString(16)}-${vma.end.toString(16)}`;
  const path = `/proc/${pid}/root${vma.path}`;
  if (!vma.deleted && leadsTo(path, vma)) return path;
  if (!isMapped(pid, vma)) return path; // what is behind it does not matter any more
  throw new GodwitError(
    'NO_RIGHTS',
    `${vma.path} is mapped by process ${pid}, and ${needsCheckpointRestore}`,
    {
      hint: 'run godwit as root',
    },
  );
}

/** Whether {@link linkOfMapping} would tell; true for what is no file at all. */
export function canOpenMapping(pid: number, vma: Mapped): boolean {
  if (vma.inode === 0 || may('map-files')) return true;
  if (isAnonymousHuge(vma) && !vma.shared) return true;
  try {
    linkOfMapping(pid, vma);
    return true;
  } catch (error) {
    if (error instanceof GodwitError && error.code === 'NO_RIGHTS') return false;
    throw error;
  }
}

function isMapped(pid: number, { start, end, inode }: Mapped): boolean {
  const now = readMaps(pid)?.find((vma) => vma.start < end && start < vma.end);
  return now?.inode === inode;
}

function leadsTo(path: string, vma: Mapped): boolean {
  try {
    // If possible not by opening it, which takes a write lease from whoever has one (fcntl(2)).
    const isKnown = isSameFile(statSync(path, { bigint: true }), vma);
    return isKnown ? mayAccess(path, constants.R_OK) >= 0 : isMappedAs(path, vma);
  } catch {
    return false; // it is gone, or not for us
  }
}

/** Overlays show other numbers in stat than in maps, so that only a yes counts. */
function isSameFile({ dev, ino }: BigIntStats, { devMajor, devMinor, inode }: Mapped): boolean {
  const { major, minor } = deviceParts(dev);
  return major === devMajor && minor === devMinor && Number(ino) === inode;
}

/** Maps it here for a moment: then maps has the same numbers for the same file. */
function isMappedAs(path: string, { devMajor, devMinor, inode }: Mapped): boolean {
  const [protRead, mapPrivate] = [1, 2];
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const mapping = new Program();
  const at = mapping.attempt('mmap', 0, pageSize, protRead, mapPrivate, fd, 0);
  const address = runLocal(mapping).number(at);
  closeSync(fd);
  if (address < 0) return false;
  const own = readMaps('self')?.find(({ start, end }) => start <= address && address < end);
  const unmapping = new Program();
  unmapping.call('munmap', address, pageSize);
  runLocal(unmapping);
  return own?.devMajor === devMajor && own.devMinor === devMinor && own.inode === inode;
}
