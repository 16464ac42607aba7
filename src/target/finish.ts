// The last steps on every shell: away with the scratch memory, in with the registers, into the frozen cgroup, and let go.
// From here on the tree stands by itself, whatever becomes of this agent.
import { GodwitError } from '../errors.ts';
import type { TreeState } from '../images/state.ts';
import type { ThreadImage } from '../images/thread.ts';
import type { Fence } from '../kernel/fence.ts';
import { errnoName } from '../kernel/program.ts';
import { syscalls } from '../kernel/syscalls.ts';
import { native } from '../native.ts';
import { isRestarting, primeTimedWaits, type WaitingThread } from './apply/timed-waits.ts';
import { scratchLength } from './scratch.ts';
import type { Shell } from './shell.ts';
import type { ShellTree } from './shell-tree.ts';

interface FinishedThread {
  readonly tid: number;
  readonly image: ThreadImage;
  readonly registers: BigUint64Array;
}

/**
 * Preconditions: everything but registers is applied. `now`: the tree's CLOCK_MONOTONIC. Returns the threads that will go on
 * by restart_syscall(2). @throws GodwitError
 */
export function finish(
  tree: ShellTree,
  state: TreeState,
  fence: Fence,
  now: () => bigint,
): readonly WaitingThread[] {
  const threads = state.processes.flatMap(({ pid, threads: images }) => {
    return images.map((image) => finishedThread(tree.shell(pid).tid(image.tid), image));
  });
  const { scratch } = tree;
  if (scratch === undefined) throw new GodwitError('PROTOCOL', 'the final state holds no process');
  const waiting = threads.flatMap(({ tid, image: { wait }, registers }) => {
    return wait === undefined ? [] : [{ tid, wait, registers }];
  });
  primeTimedWaits(waiting, scratch, now);
  unmapScratch(
    tree,
    state.processes.map(({ pid }) => tree.shell(pid)).filter(({ shares }) => !shares.memory),
  );
  for (const thread of threads) setRegisters(thread);
  fence.freeze();
  for (const { tid, image } of threads) expect(native.detach(tid, 0), image.tid, 'let go');
  return waiting.filter(({ registers }) => isRestarting(registers));
}

function finishedThread(tid: number, image: ThreadImage): FinishedThread {
  return { tid, image, registers: new BigUint64Array(image.registers.slice().buffer) };
}

/** From every one at once: none has a place for a program any more. */
function unmapScratch(tree: ShellTree, shells: readonly Shell[]): void {
  const { address = 0 } = tree.scratch ?? {};
  const results = new BigInt64Array(shells.length);
  native.stepSyscalls(
    Int32Array.from(shells, ({ pid }) => pid),
    Float64Array.from(shells, (shell) => tree.syscallAddress(shell)),
    syscalls.munmap,
    BigUint64Array.of(BigInt(address), BigInt(scratchLength), 0n, 0n, 0n, 0n),
    results,
  );
  shells.forEach(({ name }, i) => {
    const result = results[i] ?? 0n;
    if (result === 0n) return;
    throw new GodwitError(
      'REMOTE_CALL',
      `${name}: munmap of scratch memory failed with ${errnoName(result)}`,
    );
  });
}

function setRegisters({ tid, image, registers }: FinishedThread): void {
  expect(
    native.setXstate(tid, image.xstate),
    image.tid,
    'set the floating-point state (is the CPU another one?)',
  );
  expect(native.setRegs(tid, registers), image.tid, 'set the registers');
  expect(native.setSigmask(tid, image.signalMask), image.tid, 'set the signal mask');
}

function expect(result: number, vtid: number, what: string): void {
  if (result < 0) throw new GodwitError('SYSCALL', `cannot ${what} of thread ${vtid}: ${errnoName(result)}`);
}
