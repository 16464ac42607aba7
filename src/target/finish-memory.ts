// What is done to a shell's memory when all pages are there: protection, locks, seals. In this order: nothing can be protected that is sealed.
import type { Program } from '../kernel/program.ts';
import { stagedProtection } from './layout-difference.ts';
import type { Range } from './scratch.ts';
import type { Shell } from './shell.ts';

/** Gives private memory of huge pages, which was writable until now, the protection that it has. */
export function protectHuge(shell: Shell): void {
  shell.runSteps(
    shell.mappings
      .filter((mapping) => stagedProtection(mapping) !== mapping.protection)
      .map(({ start, end, protection }) => (program) => {
        program.call('mprotect', start, end - start, protection);
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
