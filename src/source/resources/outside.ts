// Who outside the tree holds a pipe, a socket or a message queue of the tree. Reads every process of the host: only for the survey.
import { readdirSync } from 'node:fs';
import { readComm } from '../../kernel/proc/comm.ts';
import { listFds } from '../../kernel/proc/fd.ts';
import { readStat } from '../../kernel/proc/stat.ts';
import { readDescriptors } from './seen-file.ts';
import { queueKey, queuePrefix } from './mqueue-facts.ts';
import { looksLikeTerminal, terminalOf } from './terminal-names.ts';
import { unlessGone } from './unless-gone.ts';

/** By link ("pipe:[123]"): "pid 12 (bash)". */
export type OutsideHolders = ReadonlyMap<string, string>;

/**
 * `inside`: the tree as it was read. It runs: what was born in it since then belongs to it as well. `isOwnCopy`: of the agent's own
 * descriptors, that it is a copy of one that is in flight in the tree.
 */
export function findOutsideHolders(
  links: ReadonlySet<string>,
  inside: ReadonlySet<number>,
  isOwnCopy: (fd: number) => boolean,
): OutsideHolders {
  const holders = new Map<string, number>();
  if (links.size === 0) return new Map();
  const queues = [...links].some((link) => link.startsWith(queuePrefix));
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || inside.has(pid)) continue;
    const held = linksOf(pid, isOwnCopy, queues).filter((link) => links.has(link) && !holders.has(link));
    if (held.length === 0 || descendsFrom(pid, inside)) continue;
    for (const link of held) holders.set(link, pid);
  }
  // Who was on its way out (an orphan of the tree, say) holds nothing any more.
  const lasting = [...holders].filter(([link, pid]) => linksOf(pid, isOwnCopy, queues).includes(link));
  return new Map(lasting.map(([link, pid]) => [link, describe(pid)]));
}

function linksOf(pid: number, isOwnCopy: (fd: number) => boolean, queues: boolean): string[] {
  const counts = (fd: number): boolean => pid !== process.pid || !isOwnCopy(fd);
  try {
    const links = (listFds(pid) ?? []).flatMap(({ fd, target }) => (counts(fd) ? target : []));
    const terminals = links.some((link) => looksLikeTerminal(link)) ? terminalsOf(pid, counts) : [];
    return [...links, ...terminals, ...(queues ? queuesOf(pid, counts) : [])];
  } catch {
    return []; // another user's
  }
}

/** Ends of pseudoterminals, by the keys of terminal-names.ts. */
function terminalsOf(pid: number, counts: (fd: number) => boolean): string[] {
  return readDescriptors({ pid, vpid: pid }).flatMap((file) => {
    const seen = counts(file.fd) ? unlessGone(() => terminalOf(file)) : undefined;
    return seen === undefined ? [] : [`${seen.key} ${seen.isMaster ? 'master' : 'slave'}`];
  });
}

/** By the keys of mqueue-facts.ts: a link tells nothing but a name, as any file may have it. */
function queuesOf(pid: number, counts: (fd: number) => boolean): string[] {
  return readDescriptors({ pid, vpid: pid }).flatMap((file) =>
    counts(file.fd) && unlessGone(() => file.isMessageQueue) === true ? [queueKey(file)] : [],
  );
}

function descendsFrom(pid: number, ancestors: ReadonlySet<number>): boolean {
  for (let above = readStat(pid)?.ppid ?? 0; above > 0; above = readStat(above)?.ppid ?? 0)
    if (ancestors.has(above)) return true;
  return false;
}

function describe(pid: number): string {
  return `pid ${pid} (${readComm(pid) ?? '?'})`;
}
