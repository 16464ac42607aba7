// One stopped thread as an image: what ptrace tells, what it tells of itself, what the scheduler knows.
import type { ThreadImage } from '../../images/thread.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { native } from '../../native.ts';
import { GodwitError } from '../../errors.ts';
import type { SourceThread } from '../tree.ts';
import { credentialsOf } from './credentials.ts';
import { ignoredSignals } from './ignored-signals.ts';
import type { OwnThreadState } from './kernel-state.ts';
import { prepareRestart, type TimedWait } from './syscall-restart.ts';

/** Used again and again: memory of their own for each of hundreds of threads makes V8 collect garbage while the tree stands still. */
const xstateRoom = new Uint8Array(16_384);
const siginfoSize = 128;
const pendingRoom = new Uint8Array(64 * siginfoSize);
const ioprioWhoProcess = 1;
const schedAttrSize = 56;

/** Preconditions: every thread of the process is stopped; `registers` are those of the stop, before any program ran in it. */
export function readThread(
  pid: number,
  thread: SourceThread,
  { own, registers }: { own: OwnThreadState | undefined; registers: BigUint64Array | undefined },
  timedWait: (registers: BigUint64Array) => TimedWait | undefined,
): ThreadImage {
  const { tid } = thread;
  const status = readStatus(pid, tid);
  if (status === undefined || own === undefined || registers === undefined)
    throw new GodwitError('NO_PROCESS', `thread ${tid} of process ${pid} ended while it was read`);
  const xstateLength = expect(native.getXstate(tid, xstateRoom), tid, 'read the floating-point state');
  const mask = new BigUint64Array(1);
  expect(native.getSigmask(tid, mask), tid, 'read the signal mask');
  const signalMask = mask[0] ?? 0n;
  const deliverable = ((status.sigPnd | status.shdPnd) & ~signalMask & ~ignoredSignals(status)) !== 0n;
  const isStopped = native.groupStop(tid) > 0;
  const restart = prepareRestart(registers, deliverable || isStopped, timedWait(registers));
  const robust = new BigUint64Array(2);
  expect(native.getRobustList(tid, robust), tid, 'read the robust futex list');
  return {
    tid: thread.vtid,
    comm: status.name,
    registers: new Uint8Array(restart.registers.buffer as ArrayBuffer),
    xstate: xstateRoom.slice(0, xstateLength),
    signalMask,
    alternateStack: own.alternateStack,
    pending: readPending(tid, false),
    clearTid: own.clearTid,
    robustList: { head: robust[0] ?? 0n, length: robust[1] ?? 0n },
    ...readRseq(tid),
    credentials: credentialsOf(status, own.securebits),
    parentDeathSignal: own.parentDeathSignal,
    timerSlack: own.timerSlack,
    controls: own.controls,
    scheduling: readScheduling(tid),
    ...(restart.wait === undefined ? {} : { wait: restart.wait }),
  };
}

/** Queued signals, oldest first; they stay queued. */
export function readPending(tid: number, shared: boolean): Uint8Array<ArrayBuffer>[] {
  let room = pendingRoom;
  for (;;) {
    const count = expect(native.peekSiginfo(tid, shared, room), tid, 'read the pending signals');
    if (count * siginfoSize < room.length) {
      return Array.from({ length: count }, (_, i) => room.slice(i * siginfoSize, (i + 1) * siginfoSize));
    }
    room = new Uint8Array(room.length * 8);
  }
}

function readRseq(tid: number): { rseq?: { area: bigint; size: number; signature: number } } {
  const words = new BigUint64Array(4);
  if (native.getRseq(tid, words) < 0) return {};
  const [area = 0n, size = 0n, signature = 0n] = words;
  return area === 0n ? {} : { rseq: { area, size: Number(size), signature: Number(signature) } };
}

/** struct sched_attr: size u32, policy u32, flags u64, nice s32, priority u32, ... (sched_setattr(2)). */
function readScheduling(tid: number): ThreadImage['scheduling'] {
  const program = new Program();
  const attributes = program.room(schedAttrSize);
  program.call('sched_getattr', tid, attributes, schedAttrSize, 0);
  const cpus = program.room(1024);
  const cpuBytes = program.call('sched_getaffinity', tid, 1024, cpus);
  const ioPriority = program.attempt('ioprio_get', ioprioWhoProcess, tid);
  const outcome = runLocal(program);
  const view = outcome.view(attributes);
  return {
    policy: view.getUint32(4, true),
    nice: view.getInt32(16, true),
    priority: view.getUint32(20, true),
    affinity: outcome.bytes(cpus).slice(0, outcome.number(cpuBytes)),
    ioPriority: Math.max(0, outcome.number(ioPriority)),
  };
}

function expect(result: number, tid: number, what: string): number {
  if (result >= 0) return result;
  const name = errnoName(result);
  throw new GodwitError(
    name === 'ESRCH' ? 'NO_PROCESS' : 'SYSCALL',
    `cannot ${what} of thread ${tid}: ${name}`,
  );
}
