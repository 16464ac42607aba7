// Turns the keeper's child into the first shell: seizes it, gives it scratch memory, and empties it.
// All other shells are cloned from this one, or from each other.
import { closeSync, openSync, readSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import type { Mapping } from '../images/memory.ts';
import { readMaps } from '../kernel/proc/maps.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { syscalls } from '../kernel/syscalls.ts';
import { native } from '../native.ts';
import { makeBlank } from './apply-layout.ts';
import { dieFirst } from './scarce-memory.ts';
import { findHole, ScratchMemory, scratchLength, type Range } from './scratch.ts';
import { Shell } from './shell.ts';

/** PTRACE_O_TRACESYSGOOD, TRACEFORK, TRACEVFORK, TRACECLONE, EXITKILL: linux/ptrace.h. */
export const traceOptions = 0x1 | 0x2 | 0x4 | 0x8 | 0x10_0000;
const stopMs = 5000;
const mapSharedFixed = 1 | 0x10_0000; // MAP_SHARED | MAP_FIXED_NOREPLACE
const readWriteExecute = 7;
const rseqUnregister = 1;

/** What the keeper has made. */
export interface SpawnedProcess {
  readonly vpid: number;
  readonly pid: number;
  /** Its descriptor of the agent's pidfd. */
  readonly agentPidfd: number;
  readonly sid: number;
}

export interface FirstShell {
  readonly shell: Shell;
  /** Where a `syscall` instruction stands in its vdso, in bytes from the start. */
  readonly syscallOffset: number;
}

/** `taken`: all ranges that any process of the tree uses. @throws GodwitError */
export function openFirstShell(spawned: SpawnedProcess, taken: Iterable<Range>): FirstShell {
  const { vpid, pid, agentPidfd, sid } = spawned;
  seize(pid, vpid);
  dieFirst(pid);
  const maps = readMaps(pid) ?? [];
  const special = maps.flatMap((vma): Mapping[] => {
    const kind = vma.special;
    if (kind !== 'vdso' && kind !== 'vvar' && kind !== 'vvar_vclock') return [];
    return [specialMapping(kind, vma)];
  });
  const vdso = special.find(({ kind }) => kind === 'vdso');
  if (vdso === undefined) throw new GodwitError('UNSUPPORTED', 'this kernel gives processes no vdso');
  const syscallOffset = findSyscall(pid, vdso);
  const address = findHole([...taken, ...maps], scratchLength);
  const scratch = ScratchMemory.create(address);
  const shell = new Shell({ vpid, pid, agentPidfd, scratch, mappings: special, ppid: 0, sid, pgid: sid });
  mapScratch(shell, vdso.start + syscallOffset);
  unregisterRseq(shell);
  makeBlank(shell);
  return { shell, syscallOffset };
}

function seize(pid: number, vpid: number): void {
  let result = native.seize(pid, traceOptions);
  if (result === 0) result = native.interrupt(pid);
  if (result < 0) {
    throw new GodwitError('NO_RIGHTS', `the new process ${vpid} cannot be traced: ${errnoName(result)}`, {
      hint: 'the receiving agent needs CAP_SYS_PTRACE; does a security module forbid ptrace?',
    });
  }
  const { kind } = native.waitStop(pid, stopMs);
  if (kind !== 'stopped')
    throw new GodwitError('NO_PROCESS', `the new process ${vpid} does not stop (${kind})`);
}

function mapScratch(shell: Shell, syscallAt: number): void {
  const { scratch } = shell;
  const call = (nr: number, ...args: number[]): number => {
    const result = Number(shell.step(syscallAt, nr, args));
    if (result >= 0) return result;
    throw new GodwitError('REMOTE_CALL', `${shell.name}: system call ${nr} failed with ${errnoName(result)}`);
  };
  const fd = call(syscalls.pidfd_getfd, shell.agentPidfd, scratch.fd, 0);
  call(syscalls.mmap, scratch.address, scratchLength, readWriteExecute, mapSharedFixed, fd, 0);
  call(syscalls.close, fd);
}

/** Else the kernel kills it at its next return to user mode: its area is about to be unmapped. */
function unregisterRseq(shell: Shell): void {
  const words = new BigUint64Array(4);
  if (native.getRseq(shell.pid, words) < 0) return;
  const [area = 0n, size = 0n, signature = 0n] = words;
  if (area === 0n) return;
  const program = new Program();
  program.call('rseq', area, size, rseqUnregister, signature);
  shell.run(program);
}

/** Offset of 0f 05 in the vdso. */
function findSyscall(pid: number, vdso: Range): number {
  const code = Buffer.alloc(vdso.end - vdso.start);
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    readSync(fd, code, 0, code.length, vdso.start);
  } finally {
    closeSync(fd);
  }
  const offset = code.indexOf(Buffer.of(0x0f, 0x05));
  if (offset < 0) throw new GodwitError('UNSUPPORTED', "this kernel's vdso has no system call instruction");
  return offset;
}

function specialMapping(kind: Mapping['kind'], { start, end }: Range): Mapping {
  return {
    start, end, kind, protection: 5, shared: false, offset: 0, growsDown: false, noReserve: false, locked: false,
    lockOnFault: false, advice: [], writable: false,
  }; // prettier-ignore
}
