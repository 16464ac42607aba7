// What the processor must be able to do: programs have looked, and will not look again.
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { readCpu } from '../../kernel/cpu.ts';
import { blocker } from './blocker.ts';

export function checkMachine({ cpuFlags, xstateSize }: Requirements): Blocker[] {
  const cpu = readCpu();
  const found: Blocker[] = [];
  const missing = cpuFlags.filter((flag) => !cpu.flags.has(flag));
  if (missing.length > 0) {
    found.push(
      blocker(
        'CPU',
        `this host's lacks: ${missing.join(' ')}`,
        'choose a target with a CPU that can do as much',
      ),
    );
  }
  if (xstateSize !== cpu.xsaveSize) {
    found.push(
      blocker(
        'CPU',
        `a thread's extended state takes ${cpu.xsaveSize} bytes here, ${xstateSize} on the source`,
        'choose a target with the same kind of CPU',
      ),
    );
  }
  return found;
}
