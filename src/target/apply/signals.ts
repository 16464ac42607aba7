// Signal actions and pending signals of shells. All of it runs while every signal but SIGTRAP is blocked.
import type { PendingSignals, SignalAction } from '../../images/signals.ts';
import type { Program } from '../../kernel/program.ts';

const sigkill = 9;
const sigstop = 19;
const sigtrap = 5;
const ignore = 1n;
const allSignals = 0xffff_ffff_ffff_ffffn;

/** Shells have the default action for every signal (the keeper sees to it), so only others are set. */
export function setActions(program: Program, actions: readonly SignalAction[]): void {
  for (const { signal, handler, flags, restorer, mask } of actions) {
    if (signal === sigkill || signal === sigstop || (handler === 0n && flags === 0n && mask === 0n)) continue;
    // The int3 at a program's end resets an ignored SIGTRAP (kernel: force_sig_info_to_task). See finish.ts.
    if (signal === sigtrap && handler === ignore) continue;
    program.call('rt_sigaction', signal, program.words(handler, flags, restorer, mask), 0, 8);
  }
}

/** Takes off the queue what the building of the tree has put there (SIGCHLD of helpers and zombies). */
export function drainPending(program: Program, times: number): void {
  const mask = program.words(allSignals & ~(1n << BigInt(sigtrap - 1)));
  const now = program.words(0, 0);
  for (let i = 0; i < times; i++) program.attempt('rt_sigtimedwait', mask, 0, now, 8);
}

/** Signals of the whole process; only its leader may queue them with any si_code. */
export function queueForProcess(program: Program, vpid: number, pending: PendingSignals): void {
  for (const info of pending) {
    const signal = signalOf(info);
    if (canWait(signal)) program.call('rt_sigqueueinfo', vpid, signal, program.bytes(info));
  }
}

/** Signals of one thread, queued by itself. */
export function queueForThread(program: Program, vpid: number, vtid: number, pending: PendingSignals): void {
  for (const info of pending) {
    const signal = signalOf(info);
    if (canWait(signal)) program.call('rt_tgsigqueueinfo', vpid, vtid, signal, program.bytes(info));
  }
}

/** siginfo_t begins with si_signo. */
function signalOf(info: Uint8Array): number {
  return new DataView(info.buffer, info.byteOffset).getInt32(0, true);
}

/** Those that cannot be blocked would act at once. */
function canWait(signal: number): boolean {
  return signal !== sigkill && signal !== sigstop && signal !== sigtrap && signal > 0 && signal <= 64;
}
