// /proc/PID/stat and /proc/PID/task/TID/stat (proc_pid_stat(5)): the numbers of a process or thread on one line.
import { readProcText } from './read-proc.ts';

export interface Stat {
  readonly pid: number;
  /** Raw: may hold spaces, parentheses and newlines. */
  readonly comm: string;
  /** R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie, X dead, I idle, P parked. */
  readonly state: string;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  /** Device number of the controlling terminal, 0: none. */
  readonly ttyNr: number;
  readonly tpgid: number;
  /** PF_* of linux/sched.h. */
  readonly flags: number;
  /** Clock ticks (1/100 s). */
  readonly utime: number;
  readonly stime: number;
  readonly priority: number;
  readonly nice: number;
  readonly numThreads: number;
  /** Clock ticks after boot: tells a PID that was used again. */
  readonly startTime: number;
  /** Addresses; 0 or 1 where this user must not know them. */
  readonly startCode: number;
  readonly endCode: number;
  readonly startStack: number;
  /** Signal sent to the parent at the end; -1 for a thread. */
  readonly exitSignal: number;
  readonly processor: number;
  readonly rtPriority: number;
  /** SCHED_* */
  readonly policy: number;
  readonly startData: number;
  readonly endData: number;
  readonly startBrk: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
  /** Wait status, right for a zombie. */
  readonly exitCode: number;
}

/** One letter, as in Stat.state; undefined when it is gone. */
export function readState(pid: number): string | undefined {
  const text = readProcText(pid, 'stat');
  return text?.charAt(text.lastIndexOf(')') + 2);
}

export function parseStat(text: string): Stat {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')'); // no field after the name holds one
  const fields = text.slice(close + 2).split(' ');
  /** By the number that proc_pid_stat(5) gives it. */
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  return {
    pid: Number(text.slice(0, open - 1)),
    comm: text.slice(open + 1, close),
    state: fields[0] ?? '?',
    ppid: field(4),
    pgrp: field(5),
    session: field(6),
    ttyNr: field(7),
    tpgid: field(8),
    flags: field(9),
    utime: field(14),
    stime: field(15),
    priority: field(18),
    nice: field(19),
    numThreads: field(20),
    startTime: field(22),
    startCode: field(26),
    endCode: field(27),
    startStack: field(28),
    exitSignal: field(38),
    processor: field(39),
    rtPriority: field(40),
    policy: field(41),
    startData: field(45),
    endData: field(46),
    startBrk: field(47),
    argStart: field(48),
    argEnd: field(49),
    envStart: field(50),
    envEnd: field(51),
    exitCode: field(52),
  };
}

/** Undefined when it is gone. */
export function readStat(pid: number | 'self', tid?: number): Stat | undefined {
  const text = readProcText(pid, 'stat', tid);
  return text === undefined ? undefined : parseStat(text);
}
