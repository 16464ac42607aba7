// A server whose address moves along with it, under clients that stay.
import type { Test } from 'tap';
import type { Host } from '../helpers/host.ts';
import type { Hosts } from '../helpers/hosts.ts';
import { thereAndBack } from '../helpers/round-trip.ts';
import type { KeptClients } from './many-clients.ts';

/** Gives host a one more address, and moves the tree there and back with it. */
export class MovingService {
  readonly address: string;
  readonly #hosts: Hosts;

  private constructor(hosts: Hosts, address: string) {
    this.#hosts = hosts;
    this.address = address;
  }

  static async on(hosts: Hosts): Promise<MovingService> {
    const address = hosts.a.ip.replace(/\.\d+$/, '.100');
    await hosts.a.run('ip', ['addr', 'add', `${address}/24`, 'dev', 'eth0']);
    return new MovingService(hosts, address);
  }

  async thereAndBack(t: Test, pid: number, clients: KeptClients): Promise<Host> {
    return thereAndBack(
      t,
      this.#hosts,
      pid,
      async (host) => {
        const longestMs = clients.takeLongestMs?.();
        if (longestMs !== undefined) t.comment(`longest pause of a client ${longestMs.toFixed(1)} ms`);
        await clients.goOn(`on ${host.name}`);
      },
      ['--move-ip', this.address],
    );
  }
}
