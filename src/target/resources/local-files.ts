// Opening by exact flags in the agent: Node hides some of them. Descriptors here are always close-on-exec.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, isError, Program } from '../../kernel/program.ts';
import { fileHint } from '../file-hint.ts';
import { openIn, type TreeRoot } from '../tree-root.ts';

const cloexec = 0o2000000;
/** O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC: say how to open, not how it is open. */
const openingFlags = 0o1700;
/** O_TMPFILE, which includes O_DIRECTORY. It stays among the flags of what has a name since (linkat(2)). */
const temporaryFile = 0o20200000;
const setFlags = 4;
/** O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME: what F_SETFL changes. O_ASYNC follows with its owner, in the process. */
const statusFlags = 0o1046000;
const seekSet = 0;

/** openat(2) as the source had it open, close-on-exec. Negative errno. */
export function openExactly(path: string, flags: number, extra = 0, root?: TreeRoot): number {
  return openIn(root, path, (flags & ~openingFlags) | extra | cloexec);
}

/**
 * As openExactly; `root`: by the mounts of the tree, as it becomes a name that the tree has open; none for names in the agent's /proc.
 * @throws GodwitError REFUSED naming the path
 */
export function openOrThrow(path: string, flags: number, extra = 0, root?: TreeRoot): number {
  const fd = openExactly(path, flags, extra, root);
  if (fd >= 0) return fd;
  const why = errnoName(fd);
  throw new GodwitError('REFUSED', `${path} cannot be opened on the target: ${why}`, {
    hint: fileHint(why, 'the target needs what the tree has open: copy it, or mount the same storage'),
  });
}

/** How a regular file is opened that is there already. */
export function asPresentFile(flags: number): number {
  return flags & ~temporaryFile;
}

/** Puts the position where it was. */
export function seek(fd: number, position: bigint, object: string): void {
  if (position === 0n) return;
  const program = new Program();
  const result = program.attempt('lseek', fd, position, seekSet);
  const got = runLocal(program).result(result);
  if (got === position) return;
  const why = isError(got) ? errnoName(got) : 'another one was set';
  throw new GodwitError('SYSCALL', `${object}: the position ${position} cannot be set: ${why}`);
}

/** Status flags of what was not opened by a path. */
export function setStatusFlags(fd: number, flags: number): void {
  const wanted = flags & statusFlags;
  const program = new Program();
  program.call('fcntl', fd, setFlags, wanted);
  runLocal(program);
}
