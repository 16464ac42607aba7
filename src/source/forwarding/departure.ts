// Connections that are to be forwarded, while their tree still leaves: their sockets are kept, what comes for them is captured, and when the
// tree runs on the target somebody forwards it.
import { asGodwitError } from '../../errors.ts';
import type { OpenFile } from '../../images/state.ts';
import { ForwardedConnections } from '../../kernel/forwarded-connections.ts';
import type { HostAddress } from '../../kernel/rtnetlink.ts';
import type { FlightPlan } from '../flight-plan.ts';
import type { SegmentCapture } from '../segment-capture.ts';
import { forwardable } from './forwardable.ts';
import { Forwarder } from './forwarder.ts';
import { KeptSockets } from './kept-sockets.ts';

export interface Forward {
  readonly connections: number;
  /** Settled when none is left, or the operator has ended it. Never rejects. */
  readonly ended: Promise<void>;
}

export class Departure implements Disposable {
  readonly addresses: readonly HostAddress[] = forwardable();
  readonly #plan: FlightPlan;
  readonly #hosts: ReadonlySet<string>;
  #sockets = new KeptSockets();
  #forwarder: Forwarder | undefined;

  /** `hosts`: whose connections are forwarded; undefined when there are none. */
  static of(plan: FlightPlan, hosts: ReadonlySet<string>): Departure | undefined {
    return hosts.size === 0 ? undefined : new Departure(plan, hosts);
  }

  private constructor(plan: FlightPlan, hosts: ReadonlySet<string>) {
    this.#plan = plan;
    this.#hosts = hosts;
  }

  /** Before these are locked. @throws GodwitError SYSCALL */
  keep(fds: readonly number[]): void {
    this.#sockets.add(fds);
  }

  /** They have been read: from now on the capture hears nothing else. */
  know(openFiles: readonly OpenFile[], capture: SegmentCapture): void {
    const { id, wire, endpoint } = this.#plan;
    const connections = new ForwardedConnections(openFiles, this.#hosts);
    if (connections.size === 0) return;
    const peer = `${endpoint.host}:${endpoint.port}`;
    this.#forwarder = new Forwarder({ id, peer, control: wire.control, connections });
    capture.narrow(connections.ports);
  }

  /** The tree runs on the target: every moment counts. undefined: there is nothing to forward. */
  begin(capture: SegmentCapture): Forward | undefined {
    const forwarder = this.#forwarder;
    if (forwarder === undefined || forwarder.connections === 0) return undefined;
    const [heard, sockets] = [capture.handOver(), this.#sockets];
    this.#sockets = new KeptSockets(); // those are the forwarder's now
    const { signal, observer } = this.#plan;
    const ended = forwarder.run(heard, sockets, signal).catch((error: unknown) => {
      observer({ kind: 'warning', text: `connections are not forwarded: ${asGodwitError(error).message}` });
    });
    return { connections: forwarder.connections, ended };
  }

  [Symbol.dispose](): void {
    this.#sockets[Symbol.dispose]();
  }
}
