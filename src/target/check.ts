// The target's half of the check: everything that keeps a tree from running here, all of it at once, before anything moves.
import { release } from 'node:os';
import type { Blocker, Requirements } from '../images/requirements.ts';
import { bootId } from '../kernel/boot-id.ts';
import { probeAll } from '../kernel/probes/probe-all.ts';
import { blocker } from './check/blocker.ts';
import { checkFiles } from './check/files.ts';
import { checkInterfaces } from './check/interfaces.ts';
import { checkMachine } from './check/machine.ts';
import { checkMessageQueues } from './check/message-queues.ts';
import { checkPorts } from './check/ports.ts';
import { checkRoom } from './check/room.ts';
import { checkSysv } from './check/sysv.ts';
import { checkTerminals } from './check/terminals.ts';
import { takenIds } from './pid-namespace.ts';

/** Facilities that building a tree takes; others concern the source. */
const needed = new Set([
  'ptrace-seize', 'process-vm', 'pidfd-getfd', 'map-files', 'clone3-set-tid', 'set-mm-map', 'vdso-remap',
  'cgroup-v2-freezer', 'restore-thread-state',
]); // prettier-ignore

export async function checkRequirements(requirements: Requirements): Promise<Blocker[]> {
  return [
    ...checkKernel(requirements),
    ...checkMachine(requirements),
    ...(await checkFacilities()),
    ...checkIds(requirements),
    ...checkFiles(requirements, requirements.bootId === bootId()),
    ...checkPorts(requirements),
    ...checkInterfaces(requirements),
    ...checkSysv(requirements),
    ...checkTerminals(requirements),
    ...checkMessageQueues(requirements),
    ...checkRoom(requirements),
  ];
}

function checkKernel({ kernelRelease, machine }: Requirements): Blocker[] {
  const here = release();
  const found: Blocker[] = [];
  if (machine !== 'x86_64') {
    found.push(blocker(`machine ${machine}`, 'this host is x86_64', 'choose a target of the same kind'));
  }
  if (kernelRelease !== here) {
    found.push(
      blocker(
        `kernel ${kernelRelease}`,
        `this host runs ${here}, and this version moves trees only between equal kernels`,
        'boot the same kernel on both hosts',
      ),
    );
  }
  return found;
}

async function checkFacilities(): Promise<Blocker[]> {
  const reports = await probeAll();
  return reports
    .filter(
      ({ name, result, requiredFor }) =>
        result === 'missing' && requiredFor === 'migration' && needed.has(name),
    )
    .map(({ name, what, detail, cost }) => {
      return blocker(
        name,
        `this host cannot ${what} (${detail}): ${cost}`,
        'run receive as root; see godwit check there',
      );
    });
}

function checkIds({ pids, pidNamespace }: Requirements): Blocker[] {
  if (pidNamespace !== 'host') {
    if (!pids.includes(1)) return [];
    return [
      blocker(
        'process 1',
        'a tree with an init of its own cannot be moved by this version',
        'move its children',
      ),
    ];
  }
  return takenIds(pids).map((id) => {
    return blocker(
      `ID ${id}`,
      'a process, group or session of this host has it',
      'use --pid-namespace auto or new',
    );
  });
}
