// The protection keys of a process. Which are allocated the kernel tells only the process itself, and without changing anything:
// pkey_mprotect(2) of an address where nothing can be mapped fails with EINVAL when there is no such key, which is looked at first, and
// else with ENOMEM (do_mprotect_pkey, mm/mprotect.c, Linux 6.1 to 6.18). Which mappings have one smaps alone tells, and it walks the page
// tables (11 ms/GiB): it is read only where there may be any.
import { GodwitError } from '../../errors.ts';
import { keyCount, type ProtectionKeys } from '../../images/protection-keys.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { readSmaps, type SmapsEntry } from '../../kernel/proc/smaps.ts';
import { errnoName, type Outcome, type Program } from '../../kernel/program.ts';
import { may } from '../../kernel/rights.ts';
import { pageSize } from '../../units.ts';

const protRead = 1;
/** The last page of what 5-level paging can address: TASK_SIZE_MAX ends before it (arch/x86/include/asm/page_64.h). */
const neverMapped = 2 ** 56 - pageSize;
/** Key 0 alone: what every process begins with. */
const none = 1;

/** The questions as part of a program; its answer is a bit for each allocated key, and undefined where there are no keys. */
export function askProtectionKeys(program: Program): (outcome: Outcome) => number | undefined {
  if (!may('protection-keys')) return () => undefined;
  const answers = Array.from({ length: keyCount }, (_, key) =>
    program.attempt('pkey_mprotect', neverMapped, pageSize, protRead, key),
  );
  return (outcome) =>
    answers.reduce(
      (keys, answer, key) => keys | (errnoName(outcome.number(answer)) === 'ENOMEM' ? 1 << key : 0),
      0,
    );
}

/** PROT_EXEC alone: where the CPU has keys the kernel gives such memory one of its own. */
export function isExecuteOnly({ read, write, exec }: Pick<Vma, 'read' | 'write' | 'exec'>): boolean {
  return exec && !read && !write;
}

/** Whether a mapping has another key than all memory has, or may be given one by the kernel. */
export function mayHaveKey(entry: SmapsEntry): boolean {
  const { protectionKey = 0, special } = entry;
  return protectionKey !== 0 || (isExecuteOnly(entry) && special !== 'vsyscall');
}

/**
 * `allocated`: the answer. `suspected`: some mapping was seen with a key. Undefined: it has none. Preconditions: every thread of the process
 * is stopped. @throws GodwitError REFUSED
 */
export function readProtectionKeys(
  pid: number,
  allocated: number | undefined,
  suspected: boolean,
): ProtectionKeys | undefined {
  if (allocated === undefined || (allocated === none && !suspected)) return undefined;
  const entries = (readSmaps(pid) ?? []).filter(({ protectionKey = 0 }) => protectionKey !== 0);
  const mappings = entries.map(({ start, end, protectionKey: key = 0 }) => ({ start, end, key }));
  const executeOnly = executeOnlyKey(pid, entries, allocated);
  if (allocated === none && mappings.length === 0) return undefined;
  return { allocated, ...(executeOnly === undefined ? {} : { executeOnly }), mappings };
}

/** The kernel's is the one that nobody can have allocated (mm_pkey_is_allocated, arch/x86/include/asm/pkeys.h). */
function executeOnlyKey(pid: number, entries: readonly SmapsEntry[], allocated: number): number | undefined {
  const found = new Set(
    entries.filter(isExecuteOnly).flatMap(({ protectionKey: key = 0 }) => {
      return (allocated & (1 << key)) === 0 ? [key] : [];
    }),
  );
  if (found.size <= 1) return [...found][0];
  throw new GodwitError(
    'REFUSED',
    `process ${pid} has memory with PROT_EXEC alone and protection keys ${[...found].join(' and ')}, of which one was freed`,
    { hint: 'have the program free no key that its memory has' },
  );
}
