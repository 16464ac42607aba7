// What the kernel keeps per thread, set by the thread itself. Credentials come after everything that may need rights.
import type { ThreadImage } from '../../images/thread.ts';
import type { Program } from '../../kernel/program.ts';
import type { Shell } from '../shell.ts';
import { setThreadControls } from './controls.ts';
import { setCredentials, type OwnCapabilities } from './credentials.ts';
import { queueForThread } from './signals.ts';

const prSetPdeathsig = 1;
const prSetName = 15;
const prSetTimerslack = 29;
const onStack = 1;
const ioprioWhoProcess = 1;
const schedAttrSize = 48;
const resetOnFork = 0x4000_0000;
const flagResetOnFork = 1;
const noPersonality = 0;

export interface ThreadContext {
  readonly own: OwnCapabilities;
  readonly personality: number;
  /** The CPUs that this host has, as a mask like sched_getaffinity(2) gives it. */
  readonly cpus: Uint8Array;
}

export function setThread(program: Program, shell: Shell, thread: ThreadImage, context: ThreadContext): void {
  program.call('set_tid_address', thread.clearTid);
  if (thread.robustList.head !== 0n) {
    program.call('set_robust_list', thread.robustList.head, thread.robustList.length);
  }
  const { rseq } = thread;
  if (rseq !== undefined) program.call('rseq', rseq.area, rseq.size, 0, rseq.signature);
  const { address, flags, size } = thread.alternateStack;
  // A thread that is on that stack just now sets it again: the kernel knows it by its stack pointer.
  program.call('sigaltstack', program.words(address, BigInt.asUintN(32, BigInt(flags & ~onStack)), size), 0);
  program.call('prctl', prSetName, program.cstring(thread.comm), 0, 0, 0);
  if (context.personality !== noPersonality) program.call('personality', context.personality);
  setScheduling(program, thread, context.cpus);
  setThreadControls(program, thread.controls);
  queueForThread(program, shell.vpid, thread.tid, thread.pending);
  setCredentials(program, thread.credentials, context.own);
  // A change of credentials clears it.
  if (thread.parentDeathSignal !== 0)
    program.call('prctl', prSetPdeathsig, thread.parentDeathSignal, 0, 0, 0);
}

function setScheduling(program: Program, { scheduling, timerSlack }: ThreadImage, cpus: Uint8Array): void {
  const { policy, nice, priority, affinity, ioPriority } = scheduling;
  // struct sched_attr: size, policy, flags (64 bits), nice, priority, and what only deadline scheduling reads.
  const attributes = new DataView(new ArrayBuffer(schedAttrSize));
  attributes.setUint32(0, schedAttrSize, true);
  attributes.setUint32(4, policy & ~resetOnFork, true);
  attributes.setBigUint64(8, (policy & resetOnFork) === 0 ? 0n : BigInt(flagResetOnFork), true);
  attributes.setInt32(16, nice, true);
  attributes.setUint32(20, priority, true);
  if (policy !== 0 || nice !== 0)
    program.attempt('sched_setattr', 0, program.bytes(new Uint8Array(attributes.buffer)), 0);
  // A mask that names every CPU of this host restricts nothing: left alone, it also fits the next host.
  if (restricts(affinity, cpus))
    program.attempt('sched_setaffinity', 0, affinity.length, program.bytes(affinity));
  if (ioPriority !== 0) program.attempt('ioprio_set', ioprioWhoProcess, 0, ioPriority);
  if (timerSlack !== 0n) program.call('prctl', prSetTimerslack, timerSlack, 0, 0, 0);
}

/** Does the mask leave out a CPU of this host, and name one that it has? */
export function restricts(mask: Uint8Array, cpus: Uint8Array): boolean {
  const missing = cpus.some((bits, i) => (bits & ~(mask[i] ?? 0)) !== 0);
  return missing && cpus.some((bits, i) => (bits & (mask[i] ?? 0)) !== 0);
}
