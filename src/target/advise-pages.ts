// Advice (madvise) about many single ranges of a shell's memory. One call for a thousand of them, where the kernel takes that: of scattered pages each
// costs 0.7 us then, which else costs 3 (Linux 6.18: the TLB is flushed once).
import type { PageRuns } from '../kernel/page-runs.ts';
import { Program } from '../kernel/program.ts';
import type { Shell } from './shell.ts';

export const madvDontneed = 4;
/** Linux 6.13. */
export const madvGuardInstall = 102;

/** iovecs in one call (IOV_MAX). */
const most = 1024;
/** Fewer are not worth a pidfd. */
const few = 4;

/** Whether this kernel lets a process advise itself so (mm/madvise.c, process_madvise: of any kind since Linux 6.13); undefined: not tried. */
let takesVectors: boolean | undefined;

/** @throws GodwitError REMOTE_CALL */
export function advisePages(shell: Shell, { runs, count }: PageRuns, advice: number): void {
  let done = 0;
  if (count > few && takesVectors !== false) {
    for (; done < count; done += most) {
      const piece = runs.subarray(2 * done, 2 * Math.min(count, done + most));
      takesVectors = adviseTogether(shell, piece, advice);
      if (!takesVectors) break; // whatever it has done of them: advice given twice does nothing
    }
  }
  const rest = runs.subarray(2 * done, 2 * count);
  shell.runSteps(
    Array.from({ length: rest.length / 2 }, (_, i) => (program: Program) => {
      program.call('madvise', rest[2 * i] ?? 0, rest[2 * i + 1] ?? 0, advice);
    }),
  );
}

/** False: not, or not all of it. */
function adviseTogether(shell: Shell, pairs: Float64Array, advice: number): boolean {
  const vector = BigUint64Array.from(pairs, BigInt);
  const program = new Program();
  const self = program.call('pidfd_open', shell.vpid, 0);
  const data = program.bytes(new Uint8Array(vector.buffer));
  const advised = program.attempt('process_madvise', self, data, pairs.length / 2, advice, 0);
  program.call('close', self);
  const bytes = pairs.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0);
  return shell.run(program).number(advised) === bytes;
}
