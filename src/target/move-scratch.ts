// Moves the scratch memory of all shells when a later layout wants the addresses where it lies.
import { Program } from '../kernel/program.ts';
import { findHole, scratchLength, type Range, type ScratchMemory } from './scratch.ts';
import type { Shell } from './shell.ts';

const mapSharedFixed = 1 | 0x10_0000; // MAP_SHARED | MAP_FIXED_NOREPLACE
const readWriteExecute = 7;

/** `wanted`: all ranges of the new layout. */
export function moveScratch(scratch: ScratchMemory, shells: Iterable<Shell>, wanted: readonly Range[]): void {
  const { start, end } = scratch.range;
  if (!wanted.some((range) => range.start < end && start < range.end)) return;
  const all = [...shells];
  const taken = [...wanted, ...all.flatMap(({ mappings }) => mappings), scratch.range];
  const address = findHole(taken, scratchLength);
  for (const shell of all) {
    const program = new Program();
    const fd = program.call('pidfd_getfd', shell.agentPidfd, scratch.fd, 0);
    program.call('mmap', address, scratchLength, readWriteExecute, mapSharedFixed, fd, 0);
    program.call('close', fd);
    shell.run(program);
  }
  scratch.address = address;
  for (const shell of all) {
    const program = new Program();
    program.call('munmap', start, scratchLength);
    shell.run(program);
  }
}
