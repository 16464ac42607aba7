// inotify(7): fdinfo tells of each watch its number, its events and the handle of the file, from which its path is found.
import { maxWatchNumber } from '../../images/resources/inotify.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { pathOfHandle } from '../../kernel/file-handle.ts';
import { mountsOfDevice, readMountinfo } from '../../kernel/mountinfo.ts';
import type { Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';
import { isLastinglyUnread, unread } from './unread-events.ts';

type Watch = ResourceImage<'inotify'>['watches'][number];

/** IN_ALL_EVENTS, IN_EXCL_UNLINK, IN_ONESHOT: the rest is about adding a watch, or comes with events. */
const lastingMask = 0xfff | 0x0400_0000 | 0x8000_0000;
/** "inotify wd:1 ino:3f7e8 sdev:fe00000 mask:100 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:e8f70300..." */
const line =
  /wd:([0-9a-f]+) ino:[0-9a-f]+ sdev:([0-9a-f]+) mask:([0-9a-f]+).* fhandle-type:([0-9a-f]+) f_handle:([0-9a-f]+)/;

export const inotify: SourceDriver<'inotify'> = {
  matches: (file) => file.link === 'anon_inode:inotify',

  survey(group, { thief }) {
    const refusal = watchesOf(group.first);
    if (!Array.isArray(refusal)) return refusal;
    return isLastinglyUnread(group.first, thief) ? unread : undefined;
  },

  dump({ first }, { thief }) {
    const watches = watchesOf(first);
    if (!Array.isArray(watches)) throw refuse(first, watches);
    if (thief.isReadable(first)) throw refuse(first, unread);
    return { kind: 'inotify', watches };
  },
};

/** Paths that are watched, as far as they are found. */
export function watchedPaths(file: SeenFile): string[] {
  const watches = watchesOf(file);
  return Array.isArray(watches) ? watches.map(({ path }) => path) : [];
}

function watchesOf(file: SeenFile): Watch[] | Refusal {
  const lines = file.info.inotify ?? [];
  const mounts = lines.length === 0 ? [] : (readMountinfo('self') ?? []);
  const watches: Watch[] = [];
  for (const text of lines) {
    const [, wd = '', device = '', mask = '', type = '', handle = ''] = line.exec(text) ?? [];
    const number = Number.parseInt(wd, 16);
    const here = mountsOfDevice(mounts, Number.parseInt(device, 16));
    const bytes = Buffer.from(handle, 'hex');
    const path = pathOfHandle({ type: Number.parseInt(type, 16), bytes }, here);
    if (path === undefined) return lost(text);
    if (number > maxWatchNumber) return tooHigh(number);
    watches.push({ wd: number, path, mask: (Number.parseInt(mask, 16) & lastingMask) >>> 0 });
  }
  return watches.sort((a, b) => a.wd - b.wd);
}

function lost(text: string): Refusal {
  return {
    reason: `no path leads to what it watches (${text}): it was deleted, or its file system does not find files by handles`,
    remedy: 'let the program remove that watch, or run migrate with CAP_DAC_READ_SEARCH',
  };
}

function tooHigh(number: number): Refusal {
  return {
    reason: `its watch ${number} has a number above ${maxWatchNumber}, which the target would have to count up to`,
    remedy: 'restart the program',
  };
}
