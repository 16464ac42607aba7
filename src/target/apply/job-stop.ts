// Job-control stops of shells. A stopped group stays stopped under ptrace: programs run in it all the same (PTRACE_CONT lets
// one task go on), and PTRACE_DETACH puts each task back into the stop without telling anybody (kernel/ptrace.c,
// __ptrace_unlink). So shells are stopped before their parents get their own signals back, and what the kernel tells the
// parents then (SIGCHLD, wait(2)) is taken away where the source's parents know already.
import { GodwitError } from '../../errors.ts';
import type { ProcessState } from '../../images/state.ts';
import { Program } from '../../kernel/program.ts';
import { syscalls } from '../../kernel/syscalls.ts';
import { native } from '../../native.ts';
import { registerCount, registerIndex as r } from '../../native-process.ts';
import type { Shell } from '../shell.ts';
import type { ShellTree } from '../shell-tree.ts';

const sigstop = 19;
const sigtrap = 5;
const allSignals = 0xffff_ffff_ffff_ffffn;
const pPid = 1;
/** WSTOPPED | WNOHANG | __WALL. */
const takeStop = 2 | 1 | 0x4000_0000;
const waitMs = 5000;

/** Preconditions: all threads are born, actions are the default ones, zombies have ended. @throws GodwitError INTERNAL */
export function stopJobs(tree: ShellTree, processes: readonly ProcessState[]): void {
  for (const { pid, jobStop } of processes) {
    if (jobStop === undefined) continue;
    const shell = tree.shell(pid);
    const { signal } = jobStop;
    // SIGTSTP and its kin do nothing to a group that nobody of its session looks after (setpgid(2), "orphaned").
    if (!stopShell(shell, signal) && !stopShell(shell, sigstop))
      throw new GodwitError('INTERNAL', `${shell.name} does not stop by signal ${signal}`);
    const parent = tree.shells.get(shell.ppid);
    if (jobStop.isNews || parent === undefined) continue;
    const program = new Program();
    program.attempt('waitid', pPid, pid, 0, takeStop, 0);
    parent.run(program);
  }
}

/**
 * Sends SIGSTOP, which nothing can block, and puts the signal meant in its place where ptrace shows it. The leader takes
 * it first; then every thread joins in. False when the kernel has dropped it.
 */
function stopShell(shell: Shell, signal: number): boolean {
  const tids = [...shell.tids.values()];
  for (const tid of tids) layDown(shell, tid, signal);
  process.kill(shell.pid, 'SIGSTOP');
  native.cont(shell.pid, 0);
  awaitStop(shell, shell.pid, (value, event) => value === sigstop && event === 0);
  native.cont(shell.pid, signal);
  for (const tid of tids) if (tid !== shell.pid) native.cont(tid, 0);
  for (const tid of tids) {
    native.interrupt(tid);
    awaitStop(shell, tid, (_, event) => event !== 0);
  }
  return tids.every((tid) => native.groupStop(tid) === signal);
}

/** Should the signal not stop it, the thread waits in pause(2) until it is interrupted. */
function layDown(shell: Shell, tid: number, signal: number): void {
  const registers = new BigUint64Array(registerCount);
  native.getRegs(tid, registers);
  registers[r.rip] = BigInt(shell.scratch.syscallSnippet());
  registers[r.rax] = BigInt(syscalls.pause);
  registers[r.origRax] = allSignals;
  native.setRegs(tid, registers);
  native.setSigmask(tid, allSignals & ~bitOf(signal) & ~bitOf(sigtrap));
}

function awaitStop(shell: Shell, tid: number, wanted: (value: number, event: number) => boolean): void {
  for (;;) {
    const { kind, value, event } = native.waitStop(tid, waitMs);
    if (kind !== 'stopped') throw new GodwitError('NO_PROCESS', `${shell.name} does not stop (${kind})`);
    if (wanted(value, event)) return;
    native.cont(tid, 0);
  }
}

function bitOf(signal: number): bigint {
  return 1n << BigInt(signal - 1);
}
