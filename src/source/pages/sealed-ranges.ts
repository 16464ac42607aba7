// Sealed mappings of a frozen process (mseal(2), Linux 6.10). Only smaps shows seals, and it walks the page tables (11 ms/GiB), so the
// process is asked: a mapping that is given the protection that it has answers EPERM when it is sealed, and else nothing happens to it
// (mprotect_fixup, mm/mprotect.c: the seal is looked at first, then it ends where no flag changes). Memory with PROT_EXEC alone, which that
// may give the protection key of execute-only memory (__arch_override_mprotect_pkey, arch/x86/mm/pkeys.c), is given the size that it has.
import { errnoName, Program, type Outcome } from '../../kernel/program.ts';
import type { LiveProcess } from '../../kernel/live-process.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { readSmaps, type SmapsEntry } from '../../kernel/proc/smaps.ts';
import { may } from '../../kernel/rights.ts';
import { protectionOf } from '../layout.ts';
import { isExecuteOnly } from '../state/protection-keys.ts';

/** The kernel's own, which it seals or not by itself (CONFIG_MSEAL_SYSTEM_MAPPINGS, Linux 6.15). */
const kernelsOwn: ReadonlySet<string> = new Set(['vdso', 'vvar', 'vvar_vclock', 'vsyscall']);
/** Calls of one program: 64 KiB of scratch memory. */
const batch = 1024;

interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly protection: number;
  readonly vmas: readonly Vma[];
}

/**
 * Adds the questions to a program of the process. The result decodes the answers: runs of addresses, [start, length, ...]. Preconditions: every
 * thread is stopped, also when it decodes; `vmas` as they are. @throws GodwitError
 */
export function askSeals(
  program: Program,
  live: LiveProcess,
  vmas: readonly Vma[],
): (outcome: Outcome) => number[] {
  if (!may('mseal')) return () => [];
  const asked = vmas.filter(({ special }) => !isKernelsOwn(special));
  const all = stretches(asked);
  const first = ask(program, all.slice(0, batch));
  return (outcome) => {
    const refused = [...first(outcome), ...refusing(live, all.slice(batch))];
    const suspects = refused.flatMap(({ vmas: members }) => members);
    if (suspects.length === 0) return [];
    const found = refusing(live, suspects.map(alone));
    if (found.every(({ errno }) => errnoName(errno) === 'EPERM')) return runsOf(found);
    // A security module has its say before the seal.
    return runsOf((readSmaps(live.pid) ?? []).filter((entry) => isSealed(entry) && isAmong(entry, asked)));
  };
}

type Refused = Stretch & { readonly errno: number };

/** Those that mprotect(2), or mremap(2), does not let be as they are. */
function refusing(live: LiveProcess, candidates: readonly Stretch[]): Refused[] {
  const found: Refused[] = [];
  for (let first = 0; first < candidates.length; first += batch) {
    const program = new Program();
    const answers = ask(program, candidates.slice(first, first + batch));
    found.push(...answers(live.run(program)));
  }
  return found;
}

function ask(program: Program, candidates: readonly Stretch[]): (outcome: Outcome) => Refused[] {
  const asked = candidates.map((stretch) => {
    const { start, end, protection } = stretch;
    const length = end - start;
    const answer = stretch.vmas.some(isExecuteOnly)
      ? program.attempt('mremap', start, length, length, 0)
      : program.attempt('mprotect', start, length, protection);
    return { stretch, answer };
  });
  return (outcome) =>
    asked.flatMap(({ stretch, answer }) => {
      const errno = outcome.number(answer);
      return errno < 0 ? [{ ...stretch, errno }] : [];
    });
}

/** Neighbours of one protection are asked by one call, but where it is mremap(2). */
function stretches(vmas: readonly Vma[]): Stretch[] {
  const found: { start: number; end: number; protection: number; vmas: Vma[] }[] = [];
  for (const vma of vmas) {
    const last = found.at(-1);
    if (last?.end === vma.start && last.protection === protectionOf(vma) && !isExecuteOnly(vma)) {
      last.end = vma.end;
      last.vmas.push(vma);
    } else found.push({ ...alone(vma), vmas: [vma] });
  }
  return found;
}

function alone(vma: Vma): Stretch {
  return { start: vma.start, end: vma.end, protection: protectionOf(vma), vmas: [vma] };
}

/** By what smaps says of a mapping: has the program sealed it? */
export function isSealed({ special, vmFlags }: SmapsEntry): boolean {
  return vmFlags.includes('sl') && !isKernelsOwn(special);
}

function isKernelsOwn(special: Vma['special']): boolean {
  return special !== undefined && kernelsOwn.has(special);
}

function isAmong(entry: Vma, vmas: readonly Vma[]): boolean {
  return vmas.some(({ start, end }) => start <= entry.start && entry.end <= end);
}

function runsOf(ranges: readonly { readonly start: number; readonly end: number }[]): number[] {
  return ranges.flatMap(({ start, end }) => [start, end - start]);
}
