// Trees that live in a network namespace of their own, which moves along as a whole: whether it can.
import { readdirSync } from 'node:fs';
import type { Blocker } from '../../images/requirements.ts';
import { hasOtherNetwork } from '../../kernel/network-namespace.ts';
import { ownerOfNamespace } from '../../kernel/namespace-owner.ts';
import { readComm } from '../../kernel/proc/comm.ts';
import { readProcLink } from '../../kernel/proc/read-proc.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import { hasCapability } from '../../kernel/rights.ts';
import { blocker } from '../blocker.ts';
import type { SurveyOptions } from '../survey-options.ts';
import type { SourceProcess } from '../tree.ts';
import { findNetwork } from './read-network.ts';

/** What keeps the network of a tree from moving, if it has one of its own. Preconditions: this agent is in its own network. */
export function surveyNetwork(
  root: SourceProcess,
  processes: readonly SourceProcess[],
  { links, moves }: Pick<SurveyOptions, 'links' | 'moves'>,
): Blocker[] {
  const { pid } = root;
  if (!hasOtherNetwork(pid))
    return links.map(({ device }) =>
      blocker(
        `--link ${device}`,
        'the tree has no network namespace of its own',
        'leave it out, or use --move-ip',
      ),
    );
  const name = `network of process ${pid}`;
  if (!mayVisit(pid))
    return [
      blocker(
        name,
        'it is another network namespace than that of godwit, and moving it needs CAP_SYS_ADMIN and CAP_NET_ADMIN',
        'run migrate as root, or inside the same container or namespace',
      ),
    ];
  if (ownerOfNamespace(pid, 'net') !== ownerOfNamespace('self', 'net'))
    return [
      blocker(
        name,
        'it belongs to another user namespace',
        'run migrate inside the same container or namespace',
      ),
    ];
  const strangers = othersIn(pid, processes);
  return [
    ...strangers.map((other) =>
      blocker(
        name,
        `process ${other} (${readComm(other) ?? '?'}) uses it too, and is no part of the tree`,
        'end it, or move all of them',
      ),
    ),
    ...moves.map(({ address }) =>
      blocker(
        `address ${address}`,
        'the tree has a network of its own, whose addresses all move',
        'leave out --move-ip',
      ),
    ),
    ...findNetwork(pid, links).blockers,
  ];
}

/** Whether the tree has a network of its own, which this agent may go to. */
export function mayVisit(pid: number): boolean {
  return hasOtherNetwork(pid) && hasCapability('sysAdmin') && hasCapability('netAdmin');
}

const mostNamed = 5;

/** Of no tree: but for the keepers that trees come with. */
function othersIn(pid: number, processes: readonly SourceProcess[]): number[] {
  const network = readProcLink(pid, 'ns/net');
  const own = new Set(processes.map((process) => process.pid));
  for (let stat = readStat(pid); stat !== undefined && stat.pid > 1; stat = readStat(stat.ppid))
    if (stat.comm === 'godwit-keeper' || stat.comm === 'godwit-init') own.add(stat.pid);
  return readdirSync('/proc')
    .map(Number)
    .filter((other) => other > 0 && !own.has(other) && readProcLink(other, 'ns/net') === network)
    .slice(0, mostNamed);
}
