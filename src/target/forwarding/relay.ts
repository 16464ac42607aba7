// The target's half of forwarded connections (source/forwarding/forwarder.ts has the picture): what their sockets say goes to the source,
// what comes from there is given to them, and both are told when one has ended.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionName, type ForwardedConnections } from '../../kernel/forwarded-connections.ts';
import { ForwardRecordFile } from '../../kernel/forward-record.ts';
import { order } from '../../kernel/netlink-messages.ts';
import { plainHost } from '../../kernel/socket-address.ts';
import { joinSegments, splitSegments } from '../../kernel/tcp-segment.ts';
import { addressText, endpointText } from '../../kernel/proc/inet-address.ts';
import type { InetDiagSocket } from '../../native-diag.ts';
import { native } from '../../native.ts';
import type { ControlConnection } from '../../transport/control-connection.ts';
import type { ForwardNetwork } from './forward-network.ts';

type Control = Pick<ControlConnection<'target'>, 'send' | 'unsent' | 'ended'>;

const mostAtOnce = 1 << 20;
const mostUnsent = 8 << 20;
const waitMs = 250;
const lookEveryMs = 500;
/** That long an end which has said all and heard all (TIME_WAIT) still answers an other end that has not heard its last word. */
const farewellMs = 5000;
/** include/net/tcp_states.h */
const timeWait = 6;
/** SOCK_DESTROY of sock_diag(7). */
const sockDestroy = 21;
const protocolTcp = 6;
const noCookie = 0xffffffff;

export class Relay {
  readonly #network: ForwardNetwork;
  readonly #connections: ForwardedConnections;
  /** Those in TIME_WAIT, and when they were first seen there: performance.now(). */
  readonly #farewells = new Map<string, number>();
  #there = 0;
  #back = 0;

  constructor(network: ForwardNetwork, connections: ForwardedConnections) {
    this.#network = network;
    this.#connections = connections;
  }

  /** What the source has heard for them. Preconditions: they hear again. */
  bring(segments: Uint8Array): void {
    const packets = this.#connections.packetsOf(splitSegments(segments), true);
    this.#there += segments.length;
    if (packets.length > 0) native.givePackets(this.#network.tunnel, joinSegments(packets));
  }

  /** Until the last has ended or the source is gone: then the others are ended, for nothing can reach them any more. Never rejects. */
  async run(control: Control, id: string, peer: string): Promise<void> {
    using record = new ForwardRecordFile(id, 'target', peer);
    let lookedAt = -Infinity;
    const isOver = (): boolean => control.ended.aborted;
    while (this.#connections.size > 0 && !isOver()) {
      let ended: readonly string[] = [];
      if (performance.now() - lookedAt > lookEveryMs) {
        lookedAt = performance.now();
        ended = this.#look();
        record.write({ connections: this.#connections.names, there: this.#there, back: this.#back });
      }
      await native.waitReadable(Int32Array.of(this.#network.tunnel), waitMs);
      while (control.unsent > mostUnsent && !isOver()) await sleep(1);
      if (!this.#return(control, ended)) break;
    }
    this.#destroy();
  }

  /** False: there is no way back any more. */
  #return(control: Control, ended: readonly string[]): boolean {
    const packets = native.takePackets(this.#network.tunnel, mostAtOnce);
    if (typeof packets === 'number') return false;
    const own = this.#connections.packetsOf(splitSegments(packets), false);
    if (own.length === 0 && ended.length === 0) return true;
    const segments = joinSegments(own);
    this.#back += segments.length;
    for (const name of ended) this.#connections.delete(name);
    try {
      control.send({ type: 'forward', segments, ended: [...ended] });
      return true;
    } catch {
      return false; // the link broke
    }
  }

  /** Those that are there no more; what they said last may wait in the tunnel. */
  #look(): readonly string[] {
    const now = performance.now();
    const states = new Map(this.#sockets().map((socket) => [nameOf(socket), socket.state]));
    return this.#connections.names.filter((name) => {
      const state = states.get(name);
      if (state !== timeWait) return state === undefined;
      const since = this.#farewells.get(name) ?? now;
      this.#farewells.set(name, since);
      return now - since > farewellMs;
    });
  }

  #sockets(): InetDiagSocket[] {
    const found = this.#network.within(() => native.inetDiag(protocolTcp));
    return typeof found === 'number' ? [] : found;
  }

  /** The tree reads ECONNABORTED, and need not wait for its connections to time out. Kernels without CONFIG_INET_DIAG_DESTROY leave it at that. */
  #destroy(): void {
    for (const socket of this.#sockets())
      if (this.#connections.has(nameOf(socket)))
        order(sockDestroy, destroyMessage(socket), 0, this.#network.diag);
  }
}

function nameOf({ local, localPort, remote, remotePort }: InetDiagSocket): string {
  const end = (address: Uint8Array, port: number): string =>
    endpointText(plainHost(addressText(address)), port);
  return connectionName(end(local, localPort), end(remote, remotePort));
}

/** struct inet_diag_req_v2 of linux/inet_diag.h. */
function destroyMessage({ family, local, localPort, remote, remotePort }: InetDiagSocket): Uint8Array {
  const message = new Uint8Array(56);
  const view = new DataView(message.buffer);
  message.set([family === 4 ? 2 : 10, protocolTcp]);
  view.setUint32(4, 0xffffffff); // in every state
  view.setUint16(8, localPort);
  view.setUint16(10, remotePort);
  message.set(local, 12);
  message.set(remote, 28);
  view.setUint32(48, noCookie);
  view.setUint32(52, noCookie);
  return message;
}
