// The probe of the cgroup v2 freezer: a child cgroup of the agent's own, made, frozen with a process in it, and removed. Version 1 is
// not tried: nothing uses it, and it lets no frozen process die, so that an agent killed there would leave one that nobody can end.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../native.ts';
import { cgroup2Base, cgroup2Dir, removeCgroupDir } from '../cgroup2.ts';
import { errnoName } from '../program.ts';
import type { Outcome } from './report.ts';

const prefix = 'godwit-probe-';
/** No probe takes so long; for one whose agent is not to be seen here (it may live in another PID namespace), and is. */
const deadMs = 2000;
const oldMs = 60_000;

/** Where fences of the source are made (the own cgroup) and where keepers are made (GODWIT_CGROUP or the root). */
export function probeFreezer(): Outcome {
  let folders: (string | undefined)[];
  try {
    folders = [cgroup2Dir('self'), cgroup2Base()];
  } catch {
    return { ok: false, reason: 'cgroup v2 is not mounted' };
  }
  for (const folder of new Set(folders)) {
    if (folder === undefined) continue;
    const outcome = tryIn(folder);
    if (!outcome.ok) return outcome;
  }
  return { ok: true };
}

function tryIn(folder: string): Outcome {
  removeLeftovers(folder);
  const name = `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`;
  const result = native.probeFreezer(join(folder, name));
  return result === 0 ? { ok: true } : { ok: false, reason: `${errnoName(result)} in ${folder}` };
}

/** Removes what agents that were killed in the middle of a probe left on this host. Every probe does it by itself. */
export function sweepProbes(): void {
  try {
    for (const folder of new Set([cgroup2Dir('self'), cgroup2Base()]))
      if (folder !== undefined) removeLeftovers(folder);
  } catch {
    // without cgroup v2 there is nothing to sweep
  }
}

/** Milliseconds after the death of an agent until its probe may be swept. */
export const sweepAfterMs = deadMs + 500;

/** The children of a killed agent die with it, the directory stays. Should one have been frozen before it could say so, it is ended here. */
function removeLeftovers(folder: string): void {
  for (const name of namesIn(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    try {
      const pid = Number(name.slice(prefix.length).split('-')[0]);
      const limitMs = existsSync(`/proc/${pid}`) ? oldMs : deadMs;
      if (Date.now() - statSync(path).mtimeMs < limitMs) continue; // another agent's probe, at this moment
      for (const member of readFileSync(join(path, 'cgroup.procs'), 'latin1').split('\n').map(Number))
        if (member > 0) process.kill(member, 'SIGKILL');
      removeCgroupDir(path);
    } catch {
      // somebody else removes it, or it is not ours to remove
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // then the probe itself tells why
  }
}
