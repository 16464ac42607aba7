// The stretch of addresses around each tracked mapping in which nothing is mapped that is not tracked: whatever the process maps
// there meanwhile can be registered with it (native/sys/userfault.h tells why).
import type { Vma } from '../../kernel/proc/maps.ts';
import { isHuge } from '../pages/huge-pages.ts';
import { isCarried } from './tracked-space.ts';

/** What mmap_min_addr is at most, unless somebody raised it; userfaultfd takes no address below it. */
const lowest = 0x1_0000;
/** TASK_SIZE of x86-64 with four levels of page tables. */
const highest = 0x7fff_ffff_f000;

/** Pairs [start, length], one for each mapping that is carried. Preconditions: `vmas` are all there are, ascending. */
export function stretchesOf(vmas: readonly Vma[]): Float64Array {
  const stretches: number[] = [];
  let start = lowest;
  let lastEnd = lowest;
  let within = 0;
  const close = (next: number): void => {
    const end = Math.max(lastEnd, Math.min(next, highest));
    for (; within > 0; within--) stretches.push(start, end - start);
  };
  for (const vma of vmas) {
    if (isCarried(vma) && isHuge(vma)) {
      // Only whole huge pages can be registered (userfaultfd_register of fs/userfaultfd.c).
      close(vma.start);
      stretches.push(vma.start, vma.end - vma.start);
      start = vma.end;
      lastEnd = vma.end;
    } else if (isCarried(vma)) {
      start = Math.min(start, vma.start);
      lastEnd = vma.end;
      within++;
    } else {
      close(vma.start);
      start = vma.end;
    }
  }
  close(highest);
  return Float64Array.from(stretches);
}
