// /proc/PID/smaps (proc_pid_smaps(5)): what maps does not show of a mapping. It walks the page tables, 11 ms/GiB, so it
// belongs into the survey, never into the freeze.
//
// VmFlags (Documentation/filesystems/proc.rst): rd readable · wr writable · ex executable · sh shared · mr mw me ms may be
// made so · gd grows down · pf pure page frames, no struct page · lo locked · lf locked on fault · io device memory ·
// sr MADV_SEQUENTIAL · rr MADV_RANDOM · dc not copied on fork (MADV_DONTFORK) · de cannot be expanded by mremap · ac
// accountable · nr no swap reserved (MAP_NORESERVE) · ht hugetlb · sf synchronous faults (DAX) · wf wiped on fork · ar
// architecture's own · dd no core dump (MADV_DONTDUMP) · sd soft-dirty · mm mixed map · hg MADV_HUGEPAGE · nh
// MADV_NOHUGEPAGE · mg MADV_MERGEABLE · bt mt arm64 · um uw ui userfaultfd missing, write-protect, minor · ss shadow
// stack · sl sealed (mseal, Linux 6.10) · dp droppable (MAP_DROPPABLE, 6.11) · gu may hold guard regions (6.18).
import { parseMapsLine, type Vma } from './maps.ts';
import { readProcText } from './read-proc.ts';

export interface SmapsEntry extends Vma {
  /** KiB. */
  readonly rssKb: number;
  readonly swapKb: number;
  readonly anonymousKb: number;
  readonly anonHugePagesKb: number;
  /** Bytes of the pages that the mapping is made of; 2097152 for hugetlb. */
  readonly kernelPageSize: number;
  readonly vmFlags: readonly string[];
  /** Of pkey_mprotect(2); absent without hardware support. */
  readonly protectionKey?: number;
  /** prctl(PR_SET_VMA_ANON_NAME). */
  readonly name?: string;
}

interface Numbers {
  rssKb: number;
  swapKb: number;
  anonymousKb: number;
  anonHugePagesKb: number;
  kernelPageSize: number;
  vmFlags: readonly string[];
  protectionKey?: number;
}

export function parseSmaps(text: string): SmapsEntry[] {
  const entries: (Vma & Numbers)[] = [];
  let current: (Vma & Numbers) | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (startsMapping(line)) {
      const name = anonName(line);
      current = { ...parseMapsLine(line), ...name, ...nothing() };
      entries.push(current);
    } else if (current !== undefined) {
      takeField(current, line);
    }
  }
  return entries;
}

/** Addresses are lower-case hexadecimal, names of fields begin with a capital. */
function startsMapping(line: string): boolean {
  const first = line.charCodeAt(0);
  return (first >= 48 && first <= 57) || (first >= 97 && first <= 102);
}

function nothing(): Numbers {
  return { rssKb: 0, swapKb: 0, anonymousKb: 0, anonHugePagesKb: 0, kernelPageSize: 4096, vmFlags: [] };
}

function anonName(line: string): { name?: string } {
  const match = / \[anon(?:_shmem)?:(.*)\]$/.exec(line);
  return match?.[1] === undefined ? {} : { name: match[1] };
}

function takeField(entry: Numbers, line: string): void {
  const colon = line.indexOf(':');
  const value = line.slice(colon + 1);
  switch (line.slice(0, colon)) {
    case 'Rss':
      entry.rssKb = Number.parseInt(value, 10);
      break;
    case 'Swap':
      entry.swapKb = Number.parseInt(value, 10);
      break;
    case 'Anonymous':
      entry.anonymousKb = Number.parseInt(value, 10);
      break;
    case 'AnonHugePages':
      entry.anonHugePagesKb = Number.parseInt(value, 10);
      break;
    case 'KernelPageSize':
      entry.kernelPageSize = Number.parseInt(value, 10) * 1024;
      break;
    case 'ProtectionKey':
      entry.protectionKey = Number.parseInt(value, 10);
      break;
    case 'VmFlags':
      entry.vmFlags = value.trim().split(' ');
      break;
  }
}

/** Undefined when the process is gone. */
export function readSmaps(pid: number | 'self'): SmapsEntry[] | undefined {
  const text = readProcText(pid, 'smaps');
  return text === undefined ? undefined : parseSmaps(text);
}
