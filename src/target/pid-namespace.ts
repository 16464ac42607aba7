// Does the tree fit among the processes of this host with the IDs that it has? Else it gets a PID namespace of its own.
import { existsSync, readdirSync } from 'node:fs';
import type { TreeLayout } from '../images/layout.ts';
import type { Requirements } from '../images/requirements.ts';
import { may } from '../kernel/rights.ts';
import { readStat } from '../kernel/proc/stat.ts';

export type PidNamespaceChoice = Requirements['pidNamespace'];

/** Every ID that the tree needs: of processes, threads, groups and sessions. */
export function idsOf({ processes }: TreeLayout): Set<number> {
  const ids = processes.flatMap(({ pid, pgid, sid, threads }) => [pid, pgid, sid, ...threads]);
  return new Set(ids.filter((id) => id > 0));
}

/** Those of the IDs that somebody on this host has. */
export function takenIds(ids: Iterable<number>): number[] {
  const groups = livingGroups();
  // /proc shows the directory of a thread under its TID, although it does not list it.
  return [...ids].filter((id) => groups.has(id) || existsSync(`/proc/${id}`)).sort((a, b) => a - b);
}

export function needsNewNamespace(choice: PidNamespaceChoice, ids: Iterable<number>): boolean {
  if (choice !== 'auto') return choice === 'new';
  return !may('clone3-set-tid') || takenIds(ids).length > 0;
}

/** A group or session holds its ID also when its leader is dead. */
function livingGroups(): Set<number> {
  const found = new Set<number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat === undefined) continue;
    found.add(stat.pgrp);
    found.add(stat.session);
  }
  return found;
}
