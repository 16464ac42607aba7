// /proc/PID/maps (proc_pid_maps(5)): the mappings of a process. 29 us a process in the kernel, so it may be read in the
// freeze; smaps may not.
import { readProcText } from './read-proc.ts';
import { stripDeleted, unescapeOctal } from './text.ts';

export type SpecialMapping =
  | 'heap'
  | 'stack'
  | 'vdso'
  | 'vvar'
  | 'vvar_vclock' // Linux 6.13: the clock pages of paravirtualized guests, split from vvar
  | 'vsyscall' // above user space, the same in every process: never to be copied or mapped
  | 'anon-name' // [anon:NAME] and [anon_shmem:NAME], prctl(PR_SET_VMA_ANON_NAME), Linux 5.17
  | 'other'; // [uprobes], anon_inode:[perf_event], anon_inode:[io_uring], socket:[N] and what else is no path

export interface Vma {
  readonly start: number;
  /** First byte behind it. */
  readonly end: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly exec: boolean;
  readonly shared: boolean;
  /** In the file, bytes. */
  readonly offset: number;
  readonly devMajor: number;
  readonly devMinor: number;
  /** 0: no file. Above 2^53 (overlays with xino) it is rounded, as in fs.Stats: compare with Number(stat.ino). */
  readonly inode: number;
  /**
   * As the process's root sees it, without " (deleted)"; "" for anonymous memory; the text in brackets where `special`.
   * A backslash is not escaped by the kernel, a newline is: a file whose name holds the four characters \012 reads as a
   * newline here. The link in /proc/PID/map_files tells the truth.
   */
  readonly path: string;
  /** The file is unlinked (or was never linked: memfd, shared anonymous memory as "/dev/zero", SysV, "/[aio]"). */
  readonly deleted: boolean;
  readonly special?: SpecialMapping;
}

const newline = ['\n'];

/** Every mapping in the text, by ascending address. */
export function parseMaps(text: string): Vma[] {
  const vmas: Vma[] = [];
  for (const line of text.split('\n')) if (line !== '') vmas.push(parseMapsLine(line));
  return vmas;
}

/** "55d9b21f8000-55d9b21f9000 r-xp 00001000 fe:00 2146385      /tmp/a b" */
export function parseMapsLine(line: string): Vma {
  const dash = line.indexOf('-');
  const protection = line.indexOf(' ', dash) + 1;
  const offset = protection + 5;
  const device = line.indexOf(' ', offset) + 1;
  const colon = line.indexOf(':', device);
  const inode = line.indexOf(' ', colon) + 1;
  const inodeEnd = line.indexOf(' ', inode);
  let nameAt = inodeEnd < 0 ? line.length : inodeEnd;
  while (nameAt < line.length && line.charCodeAt(nameAt) === 32) nameAt++;
  const name = line.slice(nameAt);
  const special = specialOf(name);
  return {
    start: Number.parseInt(line.slice(0, dash), 16),
    end: Number.parseInt(line.slice(dash + 1, protection - 1), 16),
    read: line[protection] === 'r',
    write: line[protection + 1] === 'w',
    exec: line[protection + 2] === 'x',
    shared: line[protection + 3] === 's',
    offset: Number.parseInt(line.slice(offset, device - 1), 16),
    devMajor: Number.parseInt(line.slice(device, colon), 16),
    devMinor: Number.parseInt(line.slice(colon + 1, inode - 1), 16),
    inode: Number(line.slice(inode, inodeEnd < 0 ? line.length : inodeEnd)),
    ...stripDeleted(unescapeOctal(name, newline)),
    ...(special === undefined ? {} : { special }),
  };
}

const specials = new Map<string, SpecialMapping>([
  ['[heap]', 'heap'],
  ['[stack]', 'stack'],
  ['[vdso]', 'vdso'],
  ['[vvar]', 'vvar'],
  ['[vvar_vclock]', 'vvar_vclock'],
  ['[vsyscall]', 'vsyscall'],
]);

function specialOf(name: string): SpecialMapping | undefined {
  if (name === '' || name.startsWith('/') || name.startsWith('(unreachable)/')) return undefined;
  if (name.startsWith('[anon:') || name.startsWith('[anon_shmem:')) return 'anon-name';
  return specials.get(name) ?? 'other';
}

/** The mappings of a process; undefined when it is gone, [] for a zombie or a kernel thread. */
export function readMaps(pid: number | 'self'): Vma[] | undefined {
  const text = readProcText(pid, 'maps');
  return text === undefined ? undefined : parseMaps(text);
}
