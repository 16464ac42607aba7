// Credentials and limits of a stopped task, from /proc: nothing runs in the task for them.
import { readFileSync } from 'node:fs';
import type { Credentials, ResourceLimit } from '../../images/credentials.ts';
import { readLimits } from '../../kernel/proc/limits.ts';
import type { TaskStatus } from '../../kernel/proc/status.ts';

export function credentialsOf(status: TaskStatus, securebits: number): Credentials {
  return {
    uid: status.uid,
    gid: status.gid,
    groups: [...status.groups],
    inheritable: status.capInh,
    permitted: status.capPrm,
    effective: status.capEff,
    bounding: status.capBnd,
    ambient: status.capAmb,
    securebits,
    noNewPrivs: status.noNewPrivs,
  };
}

/** /proc/PID/limits instead of prlimit(2): that needs CAP_SYS_RESOURCE for a process of another user. */
export function readResourceLimits(pid: number): ResourceLimit[] {
  return [...(readLimits(pid)?.values() ?? [])].map(({ resource, soft, hard }) => ({ resource, soft, hard }));
}

/** A one-line number file of /proc/PID; `otherwise` where this kernel or user has it not. */
export function readNumber(pid: number, name: string, base: number, otherwise: number): number {
  try {
    const value = Number.parseInt(readFileSync(`/proc/${pid}/${name}`, 'latin1'), base);
    return Number.isNaN(value) ? otherwise : value;
  } catch {
    return otherwise;
  }
}
