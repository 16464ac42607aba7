// What fdinfo shows of a fanotify group (proc_pid_fdinfo(5); fs/notify/fdinfo.c, Linux 6.18): how it was made, and its marks. Not shown:
// FAN_ENABLE_AUDIT, and whether it was made without CAP_SYS_ADMIN.
import type { FileHandle } from '../file-handle.ts';

export type MarkedObject =
  /** `handle` is absent where the file system gives none; `device`: the kernel's dev_t. */
  | { readonly on: 'inode'; readonly ino: number; readonly device: number; readonly handle?: FileHandle }
  | { readonly on: 'mount'; readonly mountId: number }
  | { readonly on: 'filesystem'; readonly device: number }
  /** Linux 6.14: mounts that come and go in a mount namespace. */
  | { readonly on: 'namespace'; readonly ino: number };

export interface FanotifyMark {
  readonly object: MarkedObject;
  /** Of fanotify_mark(2): FAN_MARK_EVICTABLE, FAN_MARK_IGNORED_SURV_MODIFY, FAN_MARK_IGNORE. */
  readonly flags: number;
  readonly mask: number;
  readonly ignored: number;
  readonly line: string;
}

export interface FanotifyGroup {
  /** Of fanotify_init(2), as it was called. */
  readonly flags: number;
  /** Of the descriptors that come with events: O_*. */
  readonly eventFlags: number;
  /** In the order in which they were added; the kernel shows the latest first. */
  readonly marks: readonly FanotifyMark[];
}

/** Undefined: there is no line that says how the group was made. */
export function parseFanotify(lines: readonly string[]): FanotifyGroup | undefined {
  let made: Pick<FanotifyGroup, 'flags' | 'eventFlags'> | undefined;
  const marks: FanotifyMark[] = [];
  for (const line of lines) {
    const fields = fieldsOf(line);
    const hex = (name: string): number => Number.parseInt(fields.get(name) ?? '0', 16);
    const eventFlags = fields.get('event-flags');
    if (eventFlags !== undefined) made = { flags: hex('flags'), eventFlags: hex('event-flags') };
    const object = objectOf(fields, hex);
    if (object === undefined) continue;
    marks.push({ object, flags: hex('mflags'), mask: hex('mask'), ignored: hex('ignored_mask'), line });
  }
  return made && { ...made, marks: marks.reverse() };
}

/** "fanotify ino:2168ed sdev:fe00000 mflags:40 mask:0 ignored_mask:22 fhandle-bytes:8 fhandle-type:1 f_handle:ed68..." */
function fieldsOf(line: string): ReadonlyMap<string, string> {
  const words = line.split(' ').filter((word) => word.includes(':'));
  return new Map(words.map((word) => [word.slice(0, word.indexOf(':')), word.slice(word.indexOf(':') + 1)]));
}

function objectOf(
  fields: ReadonlyMap<string, string>,
  hex: (name: string) => number,
): MarkedObject | undefined {
  if (fields.has('ino')) {
    const bytes = Buffer.from(fields.get('f_handle') ?? '', 'hex');
    const handle = bytes.length === 0 ? {} : { handle: { type: hex('fhandle-type'), bytes } };
    return { on: 'inode', ino: hex('ino'), device: hex('sdev'), ...handle };
  }
  if (fields.has('mnt_id')) return { on: 'mount', mountId: hex('mnt_id') };
  if (fields.has('sdev')) return { on: 'filesystem', device: hex('sdev') };
  // The only number in decimal (seq_printf "mnt_ns:%u").
  if (fields.has('mnt_ns')) return { on: 'namespace', ino: Number(fields.get('mnt_ns')) };
  return undefined;
}
