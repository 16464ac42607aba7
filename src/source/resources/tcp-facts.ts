// What kind of TCP socket it is, by what it says about itself.
import { afInet, afInet6, sockStream } from '../../kernel/socket-options.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';

/** include/net/tcp_states.h */
export const tcpSynSent = 2;
export const tcpSynReceived = 3;
export const tcpClose = 7;
export const tcpListen = 10;
const ipprotoTcp = 6;
export const ipprotoMptcp = 262;

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
