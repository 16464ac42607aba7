// /proc/PID/status and /proc/PID/task/TID/status (proc_pid_status(5)): identity, credentials, signals, memory sums.
import { readProcText } from './read-proc.ts';
import { hex64, keyValues, numbersOf, unescapeComm } from './text.ts';

/** Real, effective, saved, file-system. */
export type Ids = [number, number, number, number];

export interface TaskStatus {
  readonly name: string;
  /** Absent for zombies and kernel threads. */
  readonly umask?: number;
  /** One letter, as in Stat.state. */
  readonly state: string;
  readonly tgid: number;
  readonly ngid?: number;
  readonly pid: number;
  readonly ppid: number;
  /** 0: not traced. */
  readonly tracerPid: number;
  readonly uid: Ids;
  readonly gid: Ids;
  readonly fdSize: number;
  readonly groups: readonly number[];
  /** IDs from the reader's PID namespace inwards; the last one is what the task sees itself. */
  readonly nsTgid: readonly number[];
  readonly nsPid: readonly number[];
  /** 0 where the leader is outside that namespace. */
  readonly nsPgid: readonly number[];
  readonly nsSid: readonly number[];
  /** Absent before Linux 6.4. */
  readonly kthread?: boolean;
  /** The Vm and Rss sums are absent for zombies and kernel threads. */
  readonly vmSizeKb?: number;
  readonly vmRssKb?: number;
  readonly vmLckKb?: number;
  readonly vmSwapKb?: number;
  readonly rssAnonKb?: number;
  readonly rssFileKb?: number;
  readonly rssShmemKb?: number;
  readonly hugetlbPagesKb?: number;
  readonly coreDumping?: boolean;
  readonly thpEnabled?: boolean;
  readonly threads: number;
  /** Queued signals of the user, and the limit. */
  readonly sigQ: readonly [number, number];
  /** Bit n-1 stands for signal n. */
  readonly sigPnd: bigint;
  readonly shdPnd: bigint;
  readonly sigBlk: bigint;
  readonly sigIgn: bigint;
  readonly sigCgt: bigint;
  readonly capInh: bigint;
  readonly capPrm: bigint;
  readonly capEff: bigint;
  readonly capBnd: bigint;
  readonly capAmb: bigint;
  readonly noNewPrivs: boolean;
  /** 0 none, 1 strict, 2 filter; 0 where the kernel has no seccomp. */
  readonly seccomp: number;
  readonly seccompFilters: number;
  readonly cpusAllowedList: string;
  readonly memsAllowedList: string;
}

export function parseStatus(text: string): TaskStatus {
  const values = keyValues(text);
  const get = (key: string): string => values.get(key) ?? '';
  const number = (key: string): number => Number.parseInt(values.get(key) ?? '0', 10);
  const mask = (key: string): bigint => hex64(values.get(key) ?? '0');
  const [queued = 0, queueLimit = 0] = get('SigQ').split('/').map(Number);
  const pid = number('Pid');
  const tgid = number('Tgid');
  return {
    name: unescapeComm(nameOf(text)),
    ...optional('umask', values.get('Umask'), (value) => Number.parseInt(value, 8)),
    state: get('State').charAt(0),
    tgid,
    ...optional('ngid', values.get('Ngid'), Number),
    pid,
    ppid: number('PPid'),
    tracerPid: number('TracerPid'),
    uid: ids(get('Uid')),
    gid: ids(get('Gid')),
    fdSize: number('FDSize'),
    groups: numbersOf(get('Groups')),
    // Without CONFIG_PID_NS there are no such lines, and the plain numbers are the only ones.
    nsTgid: idsOr(values.get('NStgid'), tgid),
    nsPid: idsOr(values.get('NSpid'), pid),
    nsPgid: numbersOf(get('NSpgid')),
    nsSid: numbersOf(get('NSsid')),
    ...optional('kthread', values.get('Kthread'), flag),
    ...optional('vmSizeKb', values.get('VmSize'), kilobytes),
    ...optional('vmRssKb', values.get('VmRSS'), kilobytes),
    ...optional('vmLckKb', values.get('VmLck'), kilobytes),
    ...optional('vmSwapKb', values.get('VmSwap'), kilobytes),
    ...optional('rssAnonKb', values.get('RssAnon'), kilobytes),
    ...optional('rssFileKb', values.get('RssFile'), kilobytes),
    ...optional('rssShmemKb', values.get('RssShmem'), kilobytes),
    ...optional('hugetlbPagesKb', values.get('HugetlbPages'), kilobytes),
    ...optional('coreDumping', values.get('CoreDumping'), flag),
    ...optional('thpEnabled', values.get('THP_enabled'), flag),
    threads: number('Threads'),
    sigQ: [queued, queueLimit],
    sigPnd: mask('SigPnd'),
    shdPnd: mask('ShdPnd'),
    sigBlk: mask('SigBlk'),
    sigIgn: mask('SigIgn'),
    sigCgt: mask('SigCgt'),
    capInh: mask('CapInh'),
    capPrm: mask('CapPrm'),
    capEff: mask('CapEff'),
    capBnd: mask('CapBnd'),
    capAmb: mask('CapAmb'),
    noNewPrivs: get('NoNewPrivs') === '1',
    seccomp: number('Seccomp'),
    seccompFilters: number('Seccomp_filters'),
    cpusAllowedList: get('Cpus_allowed_list'),
    memsAllowedList: get('Mems_allowed_list'),
  };
}

/** The name may begin or end with spaces, which keyValues would take away. */
function nameOf(text: string): string {
  return text.startsWith('Name:\t') ? text.slice('Name:\t'.length, text.indexOf('\n')) : '';
}

function optional<K extends string, T>(
  key: K,
  text: string | undefined,
  parse: (text: string) => T,
): { [P in K]?: T } {
  return (text === undefined ? {} : { [key]: parse(text) }) as { [P in K]?: T };
}

function ids(text: string): Ids {
  const [real = 0, effective = 0, saved = 0, fileSystem = 0] = numbersOf(text);
  return [real, effective, saved, fileSystem];
}

function idsOr(text: string | undefined, otherwise: number): number[] {
  return text === undefined ? [otherwise] : numbersOf(text);
}

function flag(text: string): boolean {
  return text === '1';
}

function kilobytes(text: string): number {
  return Number.parseInt(text, 10);
}

/** Undefined when it is gone. */
export function readStatus(pid: number | 'self', tid?: number): TaskStatus | undefined {
  const text = readProcText(pid, 'status', tid);
  return text === undefined ? undefined : parseStatus(text);
}
