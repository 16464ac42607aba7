// A descriptor as /proc shows it, and the open files that descriptors share.
import { statfsSync, statSync, type BigIntStats } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { mqueueFileSize, mqueueMagic } from '../../kernel/message-queues.ts';
import { parseFdInfo, readFdInfo, type FdInfo } from '../../kernel/proc/fdinfo.ts';
import { parseLockLine, type FileLock } from '../../kernel/proc/locks.ts';
import { isExiting, readProcLink } from '../../kernel/proc/read-proc.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';

/** A process whose descriptors are looked at. */
export interface ProcessRef {
  /** As the agent sees it. */
  readonly pid: number;
  /** As the tree sees it. */
  readonly vpid: number;
  /** In the tree. */
  readonly parent?: { readonly pid: number; readonly zombie: number | undefined } | undefined;
}

export const accessMode = 3;
export const openPath = 0o10000000;
export const openCloexec = 0o2000000;
export const openDirect = 0o40000;
export const openAsync = 0o20000;
const deletedMark = ' (deleted)';
/** The number of no process of the tree. */
const nobody = 0;

export class SeenFile {
  readonly process: ProcessRef;
  readonly fd: number;
  /** What /proc/PID/fd/N links to. */
  readonly link: string;
  readonly info: FdInfo;
  /** The socket in which it is in flight: then the descriptor is a copy of the agent's own. */
  readonly carrier: SeenFile | undefined;
  #stat: BigIntStats | undefined;

  constructor(process: ProcessRef, fd: number, link: string, info: FdInfo, carrier?: SeenFile) {
    this.process = process;
    this.fd = fd;
    this.link = link;
    this.info = info;
    this.carrier = carrier;
  }

  /** The process of the tree that has it, or the way to it: whose mounts and working directory its names count from. */
  get home(): ProcessRef {
    return this.#root.process;
  }

  get #root(): SeenFile {
    return this.carrier === undefined ? this : this.carrier.#root;
  }

  /** Where the agent can open the file itself again. */
  get procPath(): string {
    return `/proc/${this.process.pid}/fd/${this.fd}`;
  }

  /** How messages call it: "pid 17 fd 4 (/dev/pts/3)". */
  get object(): string {
    const { process, fd } = this.#root;
    return `pid ${process.pid} fd ${fd} (${this.#trail})`;
  }

  get #trail(): string {
    return this.carrier === undefined ? this.link : `${this.carrier.#trail}, in flight in it: ${this.link}`;
  }

  /** F_GETFL: without close-on-exec, which belongs to the descriptor. */
  get flags(): number {
    return this.info.flags & ~openCloexec;
  }

  get closeOnExec(): boolean {
    return (this.info.flags & openCloexec) !== 0;
  }

  get canRead(): boolean {
    return (this.flags & openPath) === 0 && (this.flags & accessMode) !== 1;
  }

  get canWrite(): boolean {
    return (this.flags & openPath) === 0 && (this.flags & accessMode) !== 0;
  }

  /** The file behind the descriptor, whatever its name leads to by now. @throws when the descriptor is gone. */
  get stat(): BigIntStats {
    this.#stat ??= statSync(this.procPath, { bigint: true });
    return this.#stat;
  }

  /** The descriptor is still open, on the same file. */
  get isStillThere(): boolean {
    return readProcLink(this.process.pid, `fd/${this.fd}`) === this.link;
  }

  /** Locks held through this open file. */
  get locks(): readonly FileLock[] {
    return this.info.locks.map(parseLockLine).filter((lock) => lock !== undefined);
  }

  /** It has a name in the file system (or had). */
  get isNamed(): boolean {
    return this.link.startsWith('/') && !this.isMemfd;
  }

  get isMemfd(): boolean {
    return this.link.startsWith('/memfd:') && this.link.endsWith(deletedMark);
  }

  /** The kernel says that the name it was opened by is gone. */
  get isDeleted(): boolean {
    return this.link.endsWith(deletedMark) && (this.stat.nlink === 0n || !exists(this.link));
  }

  /** A POSIX message queue, which looks like a small regular file, also where it was opened by mq_open(3) and lies in no mount. */
  get isMessageQueue(): boolean {
    if (!this.isNamed || isKernelFile(this) || this.stat.size !== mqueueFileSize || !this.stat.isFile())
      return false;
    return statfsSync(this.procPath).type === mqueueMagic;
  }

  /** A regular file that no name leads to: deleted while it is open, or made with O_TMPFILE. */
  get isNameless(): boolean {
    if (!this.isNamed || !this.link.endsWith(deletedMark) || isKernelFile(this)) return false;
    if (this.isMessageQueue) return false;
    if (this.link.startsWith('/SYSV')) return false; // opened by way of /proc/PID/map_files
    return this.stat.isFile() && this.stat.nlink === 0n;
  }

  /** The name it was opened by, without the kernel's mark. */
  get path(): string {
    return this.isDeleted ? this.link.slice(0, -deletedMark.length) : this.link;
  }
}

/** Files of /proc and /sys: the kernel makes their content up. */
export function isKernelFile({ link }: Pick<SeenFile, 'link'>): boolean {
  return link.startsWith('/proc/') || link.startsWith('/sys/');
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** An open file (struct file) and every descriptor of the tree that refers to it. */
export interface OpenFileGroup {
  readonly id: number;
  readonly first: SeenFile;
  readonly holders: readonly SeenFile[];
}

/** A descriptor of the agent's own: a copy of one that is in flight. Undefined: it is not open. */
export function seeInFlight(fd: number, carrier: SeenFile): SeenFile | undefined {
  const link = readProcLink('self', `fd/${fd}`);
  const info = readFdInfo('self', fd);
  if (link === undefined || info === undefined) return undefined;
  return new SeenFile({ pid: process.pid, vpid: nobody }, fd, link, info, carrier);
}

/** The descriptors of a process, in order; none when it has ended. One that is closed meanwhile is left out. */
export function readDescriptors(process: ProcessRef): SeenFile[] {
  const text = native.readDescriptors(process.pid);
  if (typeof text === 'number') {
    const name = errnoName(text);
    if (name === 'ENOENT' || name === 'ESRCH' || isExiting(process.pid)) return [];
    throw new GodwitError('NO_RIGHTS', `the descriptors of process ${process.pid} cannot be read: ${name}`, {
      hint: 'run as root, or with CAP_SYS_PTRACE',
    });
  }
  const fields = text.split('\0');
  const seen: SeenFile[] = [];
  for (let i = 0; i + 3 < fields.length; i += 3) {
    const [fd = '', link = '', info = ''] = fields.slice(i, i + 3);
    seen.push(new SeenFile(process, Number(fd), link, parseFdInfo(info)));
  }
  return seen.sort((a, b) => a.fd - b.fd);
}
