// What is done to a shell's memory when all pages are there: protection, locks, seals. In this order: nothing can be protected that is sealed.
import type { Program } from '../kernel/program.ts';
import { may } from '../kernel/rights.ts';
import { isExecuteOnly, stagedProtection } from './layout-difference.ts';
import type { Range } from './scratch.ts';
import type { Shell } from './shell.ts';

/**
 * Gives what could not have it while pages came (stagedProtection) the protection that it has. Memory with PROT_EXEC alone gets key 0, by
 * which it can be read as on a CPU without keys: by mprotect(2) the kernel would choose one (__arch_override_mprotect_pkey,
 * arch/x86/mm/pkeys.c). Those that have another get it afterwards (protection-keys.ts).
 */
export function protectMemory(shell: Shell): void {
  const hasKeys = may('protection-keys');
  shell.runSteps(
    shell.mappings
      .filter((mapping) => stagedProtection(mapping) !== mapping.protection)
      .map((mapping) => (program) => {
        const { start, end, protection } = mapping;
        if (hasKeys && isExecuteOnly(mapping))
          program.call('pkey_mprotect', start, end - start, protection, 0);
        else program.call('mprotect', start, end - start, protection);
      }),
  );
}

/**
 * mlock(2), when the pages are there. `guards`: runs of guard pages; where there is one the call locks, and then fails because the
 * page cannot be there.
 */
export function lockMemory(shell: Shell, guards: readonly number[]): void {
  const locked = shell.mappings.filter((mapping) => mapping.locked);
  const isGuarded = ({ start, end }: Range): boolean =>
    guards.some((at, i) => i % 2 === 0 && at >= start && at < end);
  shell.runSteps(
    locked.map((mapping) => (program) => {
      const { start, end, lockOnFault } = mapping;
      const args = [start, end - start, lockOnFault ? 1 : 0];
      if (isGuarded(mapping)) program.attempt('mlock2', ...args);
      else program.call('mlock2', ...args);
    }),
  );
}

/** mseal(2) (Linux 6.10), [start, length, ...]: from here on nobody takes these mappings away or gives them another protection. */
export function sealMemory(shell: Shell, runs: readonly number[]): void {
  const steps: ((program: Program) => void)[] = [];
  for (let i = 0; i + 1 < runs.length; i += 2) {
    const [start = 0, length = 0] = [runs[i], runs[i + 1]];
    steps.push((program) => void program.call('mseal', start, length, 0));
  }
  shell.runSteps(steps);
}
