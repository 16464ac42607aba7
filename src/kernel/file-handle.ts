// Files by their handles: where a file is that only its handle tells (open_by_handle_at(2); CAP_DAC_READ_SEARCH).
// Nothing is opened but by O_PATH, of which nobody hears who watches (inotify, fanotify). The call takes no such descriptor for the
// file system to look in (EBADF), but the working directory: the agent goes there for a moment.
import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { runLocal } from './local-program.ts';
import type { Mount } from './mountinfo.ts';
import { Program } from './program.ts';
import { closeLocal } from './socket-facts.ts';

const atFdcwd = -100;
const openPath = 0o10000000;
const cloexec = 0o2000000;

export interface FileHandle {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A path that leads to the very file; undefined: it was deleted, or the file system does not find files by handles. */
export function pathOfHandle(handle: FileHandle, mounts: readonly Mount[]): string | undefined {
  for (const { mountPoint } of mounts) {
    const program = new Program();
    const before = program.call('openat', atFdcwd, program.cstring('.'), openPath | cloexec, 0);
    const went = program.attempt('chdir', program.cstring(mountPoint));
    const found = program.attempt('open_by_handle_at', atFdcwd, encode(program, handle), openPath | cloexec);
    program.call('fchdir', before);
    program.call('close', before);
    const outcome = runLocal(program);
    const fd = outcome.number(found);
    const path = fd < 0 || outcome.failed(went) ? undefined : verifiedPath(fd);
    if (fd >= 0) closeLocal(fd);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** struct file_handle: bytes of the handle (u32), type (i32), the handle. */
function encode(program: Program, { type, bytes }: FileHandle): ReturnType<Program['bytes']> {
  const handle = new Uint8Array(8 + bytes.length);
  const view = new DataView(handle.buffer);
  view.setUint32(0, bytes.length, true);
  view.setInt32(4, type, true);
  handle.set(bytes, 8);
  return program.bytes(handle);
}

/** The kernel may know the file without knowing its directory, and shows half a path then. */
function verifiedPath(fd: number): string | undefined {
  const link = `/proc/self/fd/${fd}`;
  try {
    const [path, file] = [readlinkSync(link), statSync(link, { bigint: true })];
    const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return named?.ino === file.ino && named.dev === file.dev ? path : undefined;
  } catch {
    return undefined; // deleted meanwhile
  }
}
