// Does at once what khugepaged does whenever it likes, also in a frozen process: puts huge pages, filled up with zeros, in the place
// of small ones and of pages that were given back. process_madvise(2) with MADV_COLLAPSE, Linux 6.1.
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import type { Vma } from '../../src/kernel/proc/maps.ts';
import { native } from '../../src/native.ts';
import { isCarried } from '../../src/source/trackers/tracked-space.ts';

const madvCollapse = 25;

/** Every mapping whose pages travel, as far as the kernel does it. */
export function collapse(pid: number, vmas: readonly Vma[]): void {
  const pidfd = native.pidfdOpen(pid);
  if (pidfd < 0) return;
  const program = new Program();
  for (const { start, end } of vmas.filter(isCarried))
    program.attempt('process_madvise', pidfd, program.words(start, end - start), 1, madvCollapse, 0);
  runLocal(program);
  native.closeFd(pidfd);
}
