// How every reader of this folder opens a file of /proc: one read, synchronous (readers run in the freeze), and a process
// that is gone is a return value. Always as utf8: only that is a single call in Node 20, half the cost of latin1.
// Must not interpret anything: that is the parsers' work.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { signOfLife } from '../../sign-of-life.ts';

const exiting = 0x4; // linux/sched.h

/** The folder of a process, or of one of its threads. */
export function procDir(pid: number | 'self', tid?: number): string {
  return tid === undefined ? `/proc/${pid}` : `/proc/${pid}/task/${tid}`;
}

/** The text of a file of a process; undefined when the process is gone. Throws where this kernel has no such file. */
export function readProcText(pid: number | 'self', name: string, tid?: number): string | undefined {
  signOfLife();
  const dir = procDir(pid, tid);
  try {
    return readFileSync(`${dir}/${name}`, 'utf8');
  } catch (error) {
    throwUnlessGone(error, dir, `${dir}/${name}`);
    return undefined;
  }
}

/** As readProcText, as bytes. */
export function readProcBytes(pid: number | 'self', name: string): Uint8Array | undefined {
  const dir = procDir(pid);
  try {
    return readFileSync(`${dir}/${name}`);
  } catch (error) {
    throwUnlessGone(error, dir, `${dir}/${name}`);
    return undefined;
  }
}

/** Where a link of a process leads; undefined when the process, or what the link stands for, is gone. */
export function readProcLink(pid: number | 'self', name: string): string | undefined {
  const dir = procDir(pid);
  try {
    return readlinkSync(`${dir}/${name}`);
  } catch (error) {
    if (isGone(error) || isLocked(error, dir)) return undefined; // a descriptor may be closed, a zombie has no namespaces
    throw asProcError(error, `${dir}/${name}`);
  }
}

/** The names in a folder of a process that are numbers, ascending; undefined when the process is gone. */
export function readProcNumbers(pid: number | 'self', name: string): number[] | undefined {
  const dir = procDir(pid);
  try {
    return readdirSync(`${dir}/${name}`)
      .map(Number)
      .sort((a, b) => a - b);
  } catch (error) {
    throwUnlessGone(error, dir, `${dir}/${name}`);
    return undefined;
  }
}

/** True for the errors that mean "there is no such process any more". */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH';
}

/** What reading a file of /proc threw, with the file's name and what can be done. */
export function asProcError(cause: unknown, path: string): GodwitError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'run as root, or with CAP_SYS_PTRACE and CAP_DAC_OVERRIDE';
    return new GodwitError('NO_RIGHTS', `cannot read ${path}: ${code}`, { hint, cause });
  }
  return new GodwitError('SYSCALL', `cannot read ${path}: ${code ?? 'unknown error'}`, { cause });
}

/**
 * A process on its way out has no memory any more, and its folder is root's then (task_dump_owner of fs/proc/base.c): to others it is
 * as if it were gone.
 */
export function isExiting(pid: number | 'self'): boolean {
  return isExitingIn(procDir(pid));
}

function isLocked(error: unknown, dir: string): boolean {
  return (error as NodeJS.ErrnoException).code === 'EACCES' && isExitingIn(dir);
}

/** PF_EXITING of the flags in stat, the seventh field behind the name. */
function isExitingIn(dir: string): boolean {
  try {
    const text = readFileSync(`${dir}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[6]) & exiting) !== 0;
  } catch {
    return true;
  }
}

function throwUnlessGone(error: unknown, dir: string, path: string): void {
  if (isLocked(error, dir)) return;
  if (!isGone(error)) throw asProcError(error, path);
  if ((error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(dir) && !existsSync(path)) {
    throw new GodwitError('UNSUPPORTED', `this kernel has no ${path}`, { cause: error });
  }
}
