// TCP: listening sockets with their options and backlog, sockets that are not connected yet; connections are refused by
// name, or dropped by --tcp-close. MPTCP (protocol 262) listeners are made as what they are.
import { addressPort, addressText } from '../../kernel/socket-address.ts';
import { afInet, afInet6, sockStream } from '../../kernel/socket-options.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import type { DumpContext, DriverContext, Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup } from './seen-file.ts';

/** include/net/tcp_states.h */
export const tcpClose = 7;
export const tcpListen = 10;
const ipprotoTcp = 6;
const ipprotoMptcp = 262;

export const tcp: SourceDriver<'tcp'> = {
  matches: (file, thief) => file.link.startsWith('socket:[') && isTcp(thief.socket(file)),

  survey: (group, context) => {
    const facts = context.thief.socket(group.first);
    return refusal(facts, context) ?? filterRefusal(facts);
  },

  dump(group, context) {
    const file = group.first;
    const facts = context.thief.socket(file);
    const problem = refusal(facts, context) ?? filterRefusal(facts) ?? pendingRefusal(facts, context);
    if (problem !== undefined) throw refuse(file, problem);
    const base = {
      kind: 'tcp',
      family: facts.domain === afInet6 ? afInet6 : afInet,
      protocol: facts.protocol,
    } as const;
    if (isConnection(facts)) return { ...base, state: 'dropped', backlog: 0, options: [] };
    const options = changedOptions(context.thief.fdOf(file), facts);
    if (facts.listening) {
      return { ...base, state: 'listening', local: facts.local, backlog: facts.tcp?.backlog ?? 0, options };
    }
    if (addressPort(facts.local) === 0) return { ...base, state: 'unbound', backlog: 0, options };
    return { ...base, state: 'bound', local: facts.local, backlog: 0, options };
  },
};

export function isTcp({ domain, type, protocol }: SocketFacts): boolean {
  return (
    (domain === afInet || domain === afInet6) &&
    type === sockStream &&
    (protocol === ipprotoTcp || protocol === ipprotoMptcp)
  );
}

/** Connected, connecting or closing. */
export function isConnection(facts: SocketFacts): boolean {
  if (facts.listening) return false;
  const state = facts.tcp?.state ?? tcpClose;
  return state !== tcpClose && state !== tcpListen;
}

function refusal(facts: SocketFacts, { options }: DriverContext): Refusal | undefined {
  if (!isConnection(facts) || options.tcpClose) return undefined;
  const remote = facts.remote === undefined ? 'nobody' : addressText(facts.remote);
  return {
    reason: `the TCP connection ${addressText(facts.local)} <- ${remote} cannot be carried by this version`,
    remedy: 'close it, or give --tcp-close: connections are then dropped, and clients connect again',
  };
}

function filterRefusal(facts: SocketFacts): Refusal | undefined {
  if (!facts.filtered || isConnection(facts)) return undefined;
  return { reason: 'it has a socket filter (SO_ATTACH_FILTER)', remedy: 'let the program detach it' };
}

function pendingRefusal(facts: SocketFacts, { options }: DumpContext): Refusal | undefined {
  const pending = facts.listening ? (facts.tcp?.pending ?? 0) : 0;
  if (pending === 0 || options.tcpClose) return undefined;
  return {
    reason: `${pending} connections to ${addressText(facts.local)} wait to be accepted`,
    remedy: 'try again, or give --tcp-close: they are then dropped, and clients connect again',
  };
}

/** Listening addresses, for the check on the target. */
export function listeningAddress(
  group: OpenFileGroup,
  { thief }: Pick<DriverContext, 'thief'>,
): Uint8Array<ArrayBuffer> | undefined {
  const facts = thief.socket(group.first);
  return facts.listening && isTcp(facts) ? facts.local : undefined;
}
