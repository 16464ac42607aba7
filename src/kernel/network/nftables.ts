// The ruleset of the network namespace of this thread. nft(8) tells it and takes it: nftables has no other stable text.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { attributes, dump, question, type Message } from '../netlink-messages.ts';

const netlinkNetfilter = 12;
const subsystem = 10 << 8; // NFNL_SUBSYS_NFTABLES
const getTable = subsystem | 1;
const getGeneration = subsystem | 16;
/** struct nfgenmsg: | family u8 | version u8 | 0 u16 |. */
const header = 4;
const generationId = 1;
const mostText = 8 << 20;

/** What nft says of rules that iptables-nft has made, and cannot take itself. */
const foreign = /\bxt (match|target)\b|# Unsupported/i;

/** '': no rules. @throws GodwitError REFUSED: they cannot be told, UNSUPPORTED: nft(8) is missing */
export function readRuleset(): string {
  if (!hasTables()) return '';
  const ruleset = nft(['list', 'ruleset'], '');
  if (foreign.test(ruleset))
    throw new GodwitError('REFUSED', 'iptables has made rules that nft(8) cannot tell', {
      hint: 'write them for nft: iptables-translate(8)',
    });
  return ruleset;
}

/** In place of what is there. @throws GodwitError UNSUPPORTED, REFUSED */
export function writeRuleset(ruleset: string): void {
  if (ruleset === '' && !hasTables()) return;
  nft(['-f', '-'], `flush ruleset\n${ruleset}`);
}

/** Counts its changes, from the start of the host on; undefined: this kernel has none. */
export function rulesetGeneration(): number | undefined {
  const answer = ask(() => question(getGeneration, new Uint8Array(header), netlinkNetfilter));
  if (answer === undefined || typeof answer === 'number') return undefined;
  const id = attributes(answer, header).get(generationId);
  return id === undefined ? undefined : new DataView(id.buffer).getUint32(0);
}

export function hasNft(): boolean {
  return spawnSync('nft', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Tables of the old iptables that are in use here. */
export function legacyTables(): string[] {
  return ['ip_tables_names', 'ip6_tables_names', 'arp_tables_names'].flatMap((name) => {
    try {
      return readFileSync(`/proc/net/${name}`, 'utf8').split('\n').filter(Boolean);
    } catch {
      return []; // the module is not there
    }
  });
}

function hasTables(): boolean {
  return (ask(() => dump(getTable, new Uint8Array(header), netlinkNetfilter)) ?? []).length > 0;
}

/** undefined: this kernel has no nftables. */
function ask<T extends Message | Message[] | number>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof GodwitError) return undefined;
    throw error;
  }
}

function nft(args: readonly string[], input: string): string {
  const { status, stdout, stderr, error } = spawnSync('nft', args, {
    input,
    encoding: 'utf8',
    maxBuffer: mostText,
  });
  if (error !== undefined)
    throw new GodwitError('UNSUPPORTED', `nft(8) cannot be run: ${error.message}`, {
      hint: 'install nftables on this host',
      cause: error,
    });
  if (status !== 0)
    throw new GodwitError('REFUSED', `nft ${args.join(' ')} failed: ${stderr.trim().slice(0, 500)}`);
  return stdout;
}
