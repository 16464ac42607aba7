// /proc/PID/timers (Linux 3.10, CONFIG_CHECKPOINT_RESTORE): the POSIX timers of a process. Their times are not here: only
// timer_gettime in the process tells them.
import { readProcText } from './read-proc.ts';
import { hex64 } from './text.ts';

export const sigevSignal = 0;
export const sigevNone = 1;
export const sigevThread = 2;
export const sigevThreadId = 4;

export interface PosixTimerInfo {
  readonly id: number;
  /** CLOCK_*; negative for the CPU clock of a process or thread. */
  readonly clock: number;
  /** SIGEV_SIGNAL 0, SIGEV_NONE 1, SIGEV_THREAD 2, or SIGEV_THREAD_ID 4 in place of SIGEV_SIGNAL. */
  readonly notify: number;
  readonly signal: number;
  /** For SIGEV_THREAD_ID, as the reader's PID namespace sees it; else 0. */
  readonly thread: number;
  /** sigev_value. */
  readonly value: bigint;
}

const notifyNumbers = new Map([
  ['signal', sigevSignal],
  ['none', sigevNone],
  ['thread', sigevThread],
]);

/** Ascending by id. */
export function parseTimers(text: string): PosixTimerInfo[] {
  return text
    .split(/^(?=ID:)/m)
    .filter((record) => record.startsWith('ID:'))
    .map(parseTimer)
    .sort((a, b) => a.id - b.id);
}

/** "ID: 1\nsignal: 36/00007fff12345678\nnotify: signal/tid.19717\nClockID: 0\n" */
function parseTimer(record: string): PosixTimerInfo {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(record)?.[1] ?? '';
  const [signal = '0', value = '0'] = field('signal').split('/');
  const [how = '', target = ''] = field('notify').split('/');
  const [kind, id = '0'] = target.split('.');
  const isThread = kind === 'tid';
  return {
    id: Number(field('ID')),
    clock: Number(field('ClockID')),
    notify: (notifyNumbers.get(how) ?? sigevSignal) | (isThread ? sigevThreadId : 0),
    signal: Number(signal),
    thread: isThread ? Number(id) : 0,
    value: hex64(value),
  };
}

/** Undefined when the process is gone. */
export function readTimers(pid: number | 'self'): PosixTimerInfo[] | undefined {
  const text = readProcText(pid, 'timers');
  return text === undefined ? undefined : parseTimers(text);
}
