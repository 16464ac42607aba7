// /proc/PID/limits (proc_pid_limits(5)): resource limits of any process. prlimit(2) of another user's process needs
// CAP_SYS_RESOURCE, this file does not.
import { readProcText } from './read-proc.ts';

/** RLIM_INFINITY of getrlimit(2). */
export const rlimInfinity = 0xffff_ffff_ffff_ffffn;

export interface Limit {
  /** RLIMIT_* of getrlimit(2). */
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** By the name without RLIMIT_, in lower case: "nofile", "stack", ... */
export type Limits = ReadonlyMap<string, Limit>;

// The order of RLIMIT_* on x86 (asm-generic/resource.h): the index is the resource number.
const names: readonly (readonly [name: string, label: string])[] = [
  ['cpu', 'Max cpu time'],
  ['fsize', 'Max file size'],
  ['data', 'Max data size'],
  ['stack', 'Max stack size'],
  ['core', 'Max core file size'],
  ['rss', 'Max resident set'],
  ['nproc', 'Max processes'],
  ['nofile', 'Max open files'],
  ['memlock', 'Max locked memory'],
  ['as', 'Max address space'],
  ['locks', 'Max file locks'],
  ['sigpending', 'Max pending signals'],
  ['msgqueue', 'Max msgqueue size'],
  ['nice', 'Max nice priority'],
  ['rtprio', 'Max realtime priority'],
  ['rttime', 'Max realtime timeout'],
];

const labelWidth = 25; // "%-25s %-20s %-20s %-10s"

export function parseLimits(text: string): Limits {
  const limits = new Map<string, Limit>();
  for (const line of text.split('\n')) {
    const label = line.slice(0, labelWidth).trimEnd();
    const resource = names.findIndex(([, known]) => known === label);
    const name = names[resource]?.[0];
    const [soft, hard] = line.slice(labelWidth).trim().split(/\s+/);
    if (name === undefined || soft === undefined || hard === undefined) continue;
    limits.set(name, { resource, soft: value(soft), hard: value(hard) });
  }
  return limits;
}

function value(text: string): bigint {
  return text === 'unlimited' ? rlimInfinity : BigInt(text);
}

/** Undefined when the process is gone. */
export function readLimits(pid: number | 'self'): Limits | undefined {
  const text = readProcText(pid, 'limits');
  return text === undefined ? undefined : parseLimits(text);
}
