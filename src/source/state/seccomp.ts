// Seccomp filters, read by ptrace from stopped threads. Equal programs in one process are taken to be one filter: fork, clone
// and SECCOMP_FILTER_FLAG_TSYNC share them, and the kernel tells nobody which are shared.
import { GodwitError } from '../../errors.ts';
import type { Seccomp } from '../../images/seccomp.ts';
import { errnoName } from '../../kernel/program.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { native } from '../../native.ts';
import type { SourceProcess, SourceThread } from '../tree.ts';

const instructionSize = 8;
const maxInstructions = 4096;
const flagLog = 2;
/** BPF_RET | BPF_K, and SECCOMP_RET_USER_NOTIF in its operand (linux/seccomp.h); the lower half of that is data. */
const returnConstant = 6;
const userNotify = 0x7fc0_0000;
const actionMask = 0xffff_0000;

const room = new Uint8Array(maxInstructions * instructionSize);

interface Filter {
  readonly program: Uint8Array<ArrayBuffer>;
  readonly log: boolean;
}

/** Undefined: no thread has a filter. Preconditions: all threads are stopped. @throws GodwitError REFUSED, NO_RIGHTS */
export function readSeccomp({
  pid,
  threads: tasks,
}: Pick<SourceProcess, 'pid' | 'threads'>): Seccomp | undefined {
  const filters: Filter[] = [];
  const numbers = new Map<string, number>();
  const threads = tasks.flatMap((thread) => {
    const own = filtersOf(pid, thread).map((filter) => {
      const key = `${filter.log ? 'log ' : ''}${Buffer.from(filter.program).toString('latin1')}`;
      const number = numbers.get(key) ?? filters.push(filter) - 1;
      numbers.set(key, number);
      return number;
    });
    return own.length === 0 ? [] : [{ tid: thread.vtid, filters: own }];
  });
  return threads.length === 0 ? undefined : { filters, threads };
}

function filtersOf(pid: number, { tid }: SourceThread): Filter[] {
  const found: Filter[] = [];
  for (;;) {
    const count = native.getSeccompFilter(tid, found.length, room);
    // EINVAL: none at all. Without rights the kernel says so before it looks whether there are any.
    if (count < 0) {
      expectEnd(pid, tid, errnoName(count));
      return found;
    }
    const program = room.slice(0, count * instructionSize);
    if (asksSupervisor(program)) throw supervised(pid, tid);
    found.push({ program, log: (native.getSeccompFlags(tid, found.length) & flagLog) !== 0 });
  }
}

function expectEnd(pid: number, tid: number, error: string): void {
  if (error === 'ENOENT' || error === 'EINVAL') return;
  if (error === 'EACCES' && (readStatus(pid, tid)?.seccomp ?? 0) === 0) return;
  throw new GodwitError(
    error === 'EACCES' ? 'NO_RIGHTS' : 'SYSCALL',
    `the seccomp filters of thread ${tid} of process ${pid} cannot be read: ${error}`,
    { hint: 'run migrate with CAP_SYS_ADMIN, and outside of any seccomp filter' },
  );
}

function asksSupervisor(program: Uint8Array<ArrayBuffer>): boolean {
  const view = new DataView(program.buffer);
  for (let at = 0; at < program.length; at += instructionSize) {
    const isReturn = view.getUint16(at, true) === returnConstant;
    if (isReturn && (view.getUint32(at + 4, true) & actionMask) >>> 0 === userNotify) return true;
  }
  return false;
}

function supervised(pid: number, tid: number): GodwitError {
  return new GodwitError(
    'REFUSED',
    `thread ${tid} of process ${pid}: a seccomp filter hands its system calls to a supervisor (SECCOMP_RET_USER_NOTIF)`,
    { hint: 'the kernel gives no way to connect the supervisor again; start the program without it' },
  );
}
