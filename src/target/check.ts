// The target's half of the check: everything that keeps a tree from running here, all of it at once, before anything moves.
import { release } from 'node:os';
import type { Blocker, Requirements } from '../images/requirements.ts';
import { bootId } from '../kernel/boot-id.ts';
import { needsCheckpointRestore } from '../kernel/mapped-file.ts';
import { missingOf, probeAll } from '../kernel/probes/probe-all.ts';
import { hasCapability, learnRights, may } from '../kernel/rights.ts';
import { blocker } from './check/blocker.ts';
import { becomeFor } from './security/as-user.ts';
import { checkFanotify } from './check/fanotify.ts';
import { checkFiles } from './check/files.ts';
import { checkInterfaces } from './check/interfaces.ts';
import { checkMachine } from './check/machine.ts';
import { checkMessageQueues } from './check/message-queues.ts';
import { checkOutside } from './check/outside.ts';
import { checkPorts } from './check/ports.ts';
import { checkPostCopy } from './check/post-copy.ts';
import { checkRoom } from './check/room.ts';
import { checkSysv } from './check/sysv.ts';
import { checkTerminals } from './check/terminals.ts';
import { checkAllowed, checkPowers, checkUsers } from './check/users.ts';
import { checkForwarding } from './forwarding/check.ts';
import { checkAddresses } from './moved-addresses.ts';
import { checkNetwork } from './network/check.ts';
import { takenIds } from './pid-namespace.ts';

/** Facilities that building a tree takes; others concern the source. */
const needed = new Set([
  'ptrace-seize', 'process-vm', 'pidfd-getfd', 'clone3-set-tid', 'set-mm-map', 'vdso-remap',
  'cgroup-v2-freezer', 'restore-thread-state',
]); // prettier-ignore

export async function checkRequirements(requirements: Requirements): Promise<Blocker[]> {
  learnRights();
  becomeFor(requirements.uids);
  return [
    ...checkKernel(requirements),
    ...checkMachine(requirements),
    ...(await checkFacilities()),
    ...checkIds(requirements),
    ...checkAllowed(requirements),
    ...checkUsers(requirements),
    ...checkPowers(requirements),
    ...checkSharedMemory(requirements),
    ...checkSeals(requirements),
    ...checkProtectionKeys(requirements),
    ...checkPostCopy(requirements),
    ...checkFiles(requirements, requirements.bootId === bootId()),
    ...checkConnections(requirements),
    ...checkRawSockets(requirements),
    ...checkNetwork(requirements.network),
    ...checkForwarding(requirements.forwarding),
    // In a network of its own the tree finds what it had, and nobody else.
    ...(requirements.network === undefined
      ? [
          ...checkPorts(requirements),
          ...checkAddresses(requirements.addresses),
          ...checkInterfaces(requirements),
        ]
      : []),
    ...checkOutside(requirements),
    ...checkSysv(requirements),
    ...checkTerminals(requirements),
    ...checkMessageQueues(requirements),
    ...checkFanotify(requirements),
    ...checkRoom(requirements),
  ];
}

function checkConnections({ connections }: Requirements): Blocker[] {
  if (!connections || may('tcp-repair')) return [];
  return [blocker('TCP connections', 'this agent lacks CAP_NET_ADMIN to make them', 'run receive as root')];
}

function checkRawSockets({ rawSockets }: Requirements): Blocker[] {
  if (!rawSockets || hasCapability('netRaw')) return [];
  return [blocker('raw sockets', 'this agent lacks CAP_NET_RAW to make them', 'run receive as root')];
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
  return missingOf(reports)
    .filter(({ name }) => needed.has(name))
    .map(({ name, what, detail, cost }) => {
      return blocker(
        name,
        `this host cannot ${what} (${detail}): ${cost}`,
        'run receive as root; see godwit check there',
      );
    });
}

/** An object without a name can be opened through map_files only, and each process that maps it needs a descriptor first. */
function checkSharedMemory({ sharedAnonymous }: Requirements): Blocker[] {
  if (!sharedAnonymous || may('map-files')) return [];
  const reason = `it has no name, and ${needsCheckpointRestore}`;
  return [blocker('memory that processes share (MAP_SHARED | MAP_ANONYMOUS)', reason, 'run receive as root')];
}

function checkSeals({ sealed }: Requirements): Blocker[] {
  if (!sealed || may('mseal')) return [];
  return [blocker('sealed mappings', 'this kernel has no mseal(2)', 'boot Linux 6.10 or later here')];
}

function checkProtectionKeys({ protectionKeys }: Requirements): Blocker[] {
  if (!protectionKeys || may('protection-keys')) return [];
  const reason = 'this host has none, or its kernel lets no tracer set PKRU';
  return [
    blocker('protection keys of memory', reason, 'choose a target whose CPU and kernel have them (pkeys(7))'),
  ];
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
  if (!may('clone3-set-tid')) {
    const reason = 'only CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN can choose PIDs among those of this host';
    return [blocker('PIDs', reason, 'use --pid-namespace auto or new, or run receive as root')];
  }
  return takenIds(pids).map((id) => {
    return blocker(
      `ID ${id}`,
      'a process, group or session of this host has it',
      'use --pid-namespace auto or new',
    );
  });
}
