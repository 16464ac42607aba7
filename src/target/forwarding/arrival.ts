// Connections that are forwarded to this host, while their tree arrives: a network for their sockets, what is to be said to them when the tree
// runs, and whoever carries their packets from then on.
import type { Forwarding } from '../../images/forwarding.ts';
import type { OpenFile } from '../../images/state.ts';
import { ForwardedConnections } from '../../kernel/forwarded-connections.ts';
import { joinSegments } from '../../kernel/tcp-segment.ts';
import type { ControlConnection } from '../../transport/control-connection.ts';
import { ForwardNetwork } from './forward-network.ts';
import { Relay } from './relay.ts';

export class Arrival implements Disposable {
  readonly network: ForwardNetwork;
  #connections = new ForwardedConnections([], new Set());
  #relay: Relay | undefined;
  #held: Uint8Array[] = [];

  /** @throws GodwitError NO_RIGHTS, SYSCALL, UNSUPPORTED */
  constructor(image: Forwarding) {
    this.network = ForwardNetwork.make(image);
  }

  /** Which there are, before their sockets are made. */
  know(openFiles: readonly OpenFile[]): void {
    this.#connections = new ForwardedConnections(openFiles, this.network.hosts);
  }

  /** Keeps those of the packets that are theirs until the tree runs; returns the others. */
  hold(packets: readonly Uint8Array[]): Uint8Array[] {
    const own = new Set(this.#connections.packetsOf(packets, true));
    this.#held.push(...own);
    return packets.filter((packet) => !own.has(packet));
  }

  get isNeeded(): boolean {
    return this.#connections.size > 0;
  }

  /** The tree runs. `segments`: have come for them meanwhile. */
  begin(segments: Uint8Array | undefined): void {
    this.network.closeSpare();
    this.#relay = new Relay(this.network, this.#connections);
    if (this.#held.length > 0) this.#relay.bring(joinSegments(this.#held.splice(0)));
    if (segments !== undefined) this.#relay.bring(segments);
  }

  /** Nothing before the tree runs. */
  bring(segments: Uint8Array): void {
    this.#relay?.bring(segments);
  }

  /** As long as one of them lasts. */
  async relay(control: ControlConnection<'target'>, id: string): Promise<void> {
    await this.#relay?.run(control, id, control.remoteAddress ?? 'the source');
  }

  [Symbol.dispose](): void {
    this.network[Symbol.dispose]();
  }
}
