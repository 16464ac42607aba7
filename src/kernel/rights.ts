// What this agent may do that a plain user may not, found by trying once: where a right is missing another way is taken.
import { readFileSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { isSwitchedOff } from './probes/without.ts';
import { readStatus } from './proc/status.ts';
import { errnoName } from './program.ts';

/**
 * map-files: open what is mapped through /proc/PID/map_files (CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, in the first user namespace).
 * page-frames: see page frames and swap entries in /proc/PID/pagemap (CAP_SYS_ADMIN, likewise).
 * ptrace-suspend-seccomp: PTRACE_O_SUSPEND_SECCOMP (CAP_SYS_ADMIN, likewise).
 * tcp-repair: read and make TCP connections (CAP_NET_ADMIN, in the user namespace that owns the network namespace).
 * clone3-set-tid: choose the PID of a process in this PID namespace (one of the two, in the user namespace that owns it).
 * mseal: seal mappings, which anybody may do where the kernel can (Linux 6.10).
 * protection-keys: ask for and make keys of memory, and set PKRU; likewise, where the CPU has them (pkeys(7)).
 */
const rights = [
  'map-files',
  'page-frames',
  'ptrace-suspend-seccomp',
  'tcp-repair',
  'clone3-set-tid',
  'mseal',
  'protection-keys',
] as const;
export type Right = (typeof rights)[number];

/** What a busy host answers: it says nothing about rights. */
const passing = new Set(['ETIMEDOUT', 'EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'EINTR']);
const tries = 3;
const known = new Map<Right, boolean>();

/** Asked for the first time it makes processes. @throws GodwitError SYSCALL: this host is too busy to tell */
export function may(right: Right): boolean {
  let allowed = known.get(right);
  if (allowed === undefined) {
    allowed = !isSwitchedOff(right) && tryOut(right);
    known.set(right, allowed);
  }
  return allowed;
}

/** Asks for all of them, so that none is asked for where time counts. @throws as may */
export function learnRights(): void {
  for (const right of rights) may(right);
}

function tryOut(right: Right): boolean {
  let name = '';
  for (let i = 0; i < tries; i++) {
    const result = native.probe(right);
    if (result === 0) return true;
    name = errnoName(result);
    if (!passing.has(name)) return false;
  }
  throw new GodwitError('SYSCALL', `this host does not tell whether ${right} is allowed: ${name}`, {
    hint: 'try again when it is less busy',
  });
}

/** Numbers of linux/capability.h. */
const capabilities = {
  dacOverride: 1n,
  setgid: 6n,
  setuid: 7n,
  setpcap: 8n,
  netAdmin: 12n,
  netRaw: 13n,
  sysPtrace: 19n,
  sysAdmin: 21n,
  sysResource: 24n,
  checkpointRestore: 40n,
} as const;
export type Capability = keyof typeof capabilities;

/** Whether the agent has a capability: those of a namespace that it has made for itself are worth nothing on the host. */
export function hasCapability(capability: Capability): boolean {
  const effective = readStatus('self')?.capEff ?? 0n;
  return (effective & (1n << capabilities[capability])) !== 0n && !isInside();
}

/** Set by an agent for itself when it enters a user namespace of its own: its supplementary groups, which only show outside. */
export const outerGroups = 'GODWIT_OUTER_GROUPS';
let inside: boolean | undefined;

/** Whether the agent is in a user namespace of its own (kernel/user-namespace.ts). The variable alone may have come from anywhere. */
export function isInside(): boolean {
  inside ??= process.env[outerGroups] !== undefined && isOwnNamespace();
  return inside;
}

/** One user, mapped to itself, and no way to change groups: native/keeper/user_namespace.cc. */
function isOwnNamespace(): boolean {
  const [own, outside, length] = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/);
  const denied = readFileSync('/proc/self/setgroups', 'latin1').trim() === 'deny';
  return denied && own === outside && length === '1';
}

/** The groups that this agent has, and everything that it makes. Not process.getgroups(): that adds the effective group. */
export function ownGroups(): readonly number[] {
  if (!isInside()) return readStatus('self')?.groups ?? [];
  return (process.env[outerGroups] ?? '').split(',').filter(Boolean).map(Number);
}
