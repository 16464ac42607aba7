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

/** `inside`: the tree as it was read. It runs: what was born in it since then belongs to it as well. */
export function findOutsideHolders(links: ReadonlySet<string>, inside: ReadonlySet<number>): OutsideHolders {
  const holders = new Map<string, number>();
  if (links.size === 0) return new Map();
  const queues = [...links].some((link) => link.startsWith(queuePrefix));
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || inside.has(pid)) continue;
    const held = linksOf(pid, queues).filter((link) => links.has(link) && !holders.has(link));
    if (held.length === 0 || descendsFrom(pid, inside)) continue;
    for (const link of held) holders.set(link, pid);
  }
  // Who was on its way out (an orphan of the tree, say) holds nothing any more.
  const lasting = [...holders].filter(([link, pid]) => linksOf(pid, queues).includes(link));
  return new Map(lasting.map(([link, pid]) => [link, describe(pid)]));
}

function linksOf(pid: number, queues: boolean): string[] {
  try {
    const links = (listFds(pid) ?? []).map(({ target }) => target);
    const terminals = links.some((link) => looksLikeTerminal(link)) ? terminalsOf(pid) : [];
    return [...links, ...terminals, ...(queues ? queuesOf(pid) : [])];
  } catch {
    return []; // another user's
  }
}

/** Ends of pseudoterminals, by the keys of terminal-names.ts. */
function terminalsOf(pid: number): string[] {
  return readDescriptors({ pid, vpid: pid }).flatMap((file) => {
    const seen = unlessGone(() => terminalOf(file));
    return seen === undefined ? [] : [`${seen.key} ${seen.isMaster ? 'master' : 'slave'}`];
  });
}

/** By the keys of mqueue-facts.ts: a link tells nothing but a name, as any file may have it. */
function queuesOf(pid: number): string[] {
  return readDescriptors({ pid, vpid: pid }).flatMap((file) =>
    unlessGone(() => file.isMessageQueue) === true ? [queueKey(file)] : [],
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
