// A redis of this host under redis-benchmark(1), alone or tracked as in a migration's rounds: what its commands cost it.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepDescriptors } from '../../src/kernel/close-on-exec.ts';
import { readStat } from '../../src/kernel/proc/stat.ts';
import { FileIdentities } from '../../src/source/file-identities.ts';
import { Flight } from '../../src/source/flight.ts';
import type { ChosenTracker } from '../../src/source/trackers/choose.ts';
import { mustRun, runCommand, until } from '../../test/helpers/commands.ts';

const tickUs = 10_000; // USER_HZ of proc(5)

export interface CommandCosts {
  /** CPU time of redis for each command, microseconds. */
  readonly cpuUs: number;
  readonly perSecond: number;
}

export class BenchmarkedRedis implements Disposable {
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #folder: string;

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child;
    this.#port = port;
    this.#folder = folder;
  }

  static async start(): Promise<BenchmarkedRedis> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'));
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    keepDescriptors(); // it is looked into: nothing of ours should be there
    const child = spawn('redis-server', args, { stdio: 'ignore', cwd: folder });
    const redis = new BenchmarkedRedis(child, port, folder);
    const ping = ['-p', String(port), 'PING'];
    await until('redis answers', async () => (await runCommand('redis-cli', ping)).stdout === 'PONG\n');
    return redis;
  }

  async run(commands: number): Promise<CommandCosts> {
    const args = [
      '-p',
      String(this.#port),
      '-t',
      'set',
      '-n',
      String(commands),
      '-r',
      '100000',
      '-d',
      '1000',
    ];
    const before = this.#cpuTicks();
    const said = await mustRun('redis-benchmark', [...args, '-q']);
    const perSecond = Number(/SET: ([\d.]+) requests per second/.exec(said)?.[1]);
    return { cpuUs: ((this.#cpuTicks() - before) * tickUs) / commands, perSecond };
  }

  /** All of its memory is looked at each `roundMs`, as while it is copied; nothing is copied. */
  async runTracked(commands: number, tracker: ChosenTracker, roundMs: number): Promise<CommandCosts> {
    // No fence, and no keeper: should this process die, nobody takes the tracker off, but redis ends too.
    const fence = { rescan: () => [], pids: () => [], freeze: () => undefined, thaw: () => undefined };
    const pid = this.#child.pid ?? 0;
    using flight = new Flight(pid, new FileIdentities(), fence, { undoPoke: () => 0 }, tracker);
    for (const process of flight.refresh()) flight.takeAboard(process, false);
    const look = (isFirst: boolean): void => {
      const vmasOf = flight.readVmas();
      for (const process of flight.owners) {
        const vmas = vmasOf.get(process.pid) ?? [];
        const { copy } = flight.of(process);
        if (isFirst) copy.arm(vmas);
        copy.collect(vmas, false);
      }
    };
    look(true);
    const timer = setInterval(() => {
      look(false);
    }, roundMs);
    try {
      return await this.run(commands);
    } finally {
      clearInterval(timer);
    }
  }

  #cpuTicks(): number {
    const stat = readStat(this.#child.pid ?? 0);
    if (stat === undefined) throw new Error('redis has ended');
    return stat.utime + stat.stime;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
