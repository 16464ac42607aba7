// A process with much memory moves between two namespace hosts: how fast its pages flow, what CPU time both agents take for a gigabyte, and
// how large the agents' own memory becomes (VmHWM of proc(5), code of Node included: 45 MiB). Goals: 256 MiB at most for each agent, at
// any size. GODWIT_MIB: sizes of the process, by commas (64,1024); GODWIT_ARGS: more words for `migrate`.
import { readFileSync, rmSync } from 'node:fs';
import { canMakeHosts } from '../test/helpers/can-make-hosts.ts';
import type { Host } from '../test/helpers/host.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { sleep, until } from '../test/helpers/commands.ts';
import { compile } from './pages/page-writer.ts';

const sizes = (process.env['GODWIT_MIB'] ?? '64,1024').split(',').map(Number);
const clockTick = 100; // CONFIG_HZ does not matter: USER_HZ of proc(5)

interface Agent {
  readonly name: string;
  peakMib: number;
  cpuSeconds: number;
}

/** The agents of a host, by PID outside of it. Updated by each look, also when they have ended. */
class Agents {
  readonly seen = new Map<number, Agent>();
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  look(): void {
    for (const { outsidePid, command } of this.#host.processes()) {
      const name = ['migrate', 'receive', 'worker', 'keeper'].find((part) => command.includes(part));
      if (name === undefined) continue;
      try {
        const status = readFileSync(`/proc/${outsidePid}/status`, 'latin1');
        const stat = readFileSync(`/proc/${outsidePid}/stat`, 'latin1');
        const [user = 0, system = 0] = stat
          .slice(stat.lastIndexOf(')') + 2)
          .split(' ')
          .slice(11, 13)
          .map(Number);
        const peakMib = Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
        this.seen.set(outsidePid, { name, peakMib, cpuSeconds: (user + system) / clockTick });
      } catch {
        // It has ended since.
      }
    }
  }
}

const blocked = await canMakeHosts();
if (blocked !== true) {
  console.log(`skipped: ${blocked}`);
  process.exit(0);
}
const { binary, folder } = compile('page-writer');
try {
  for (const mib of sizes) {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const writer = await a.spawn('bash', ['-c', `exec sleep infinity | ${binary} ${mib}`]);
    const pid = await until(
      'the process with memory',
      () => {
        return (
          writer.log() !== '' &&
          a
            .processes()
            .find(({ command }) => command.startsWith(binary))
            ?.nsPids.at(-1)
        );
      },
      60_000,
    );
    const agents = [new Agents(a), new Agents(b)];
    const timer = setInterval(() => {
      for (const each of agents) each.look();
    }, 100);
    const args = (process.env['GODWIT_ARGS'] ?? '').split(' ').filter((word) => word !== '');
    const { code, report, stderr } = await a.migrate(writer.pid, b, { timeoutMs: 300_000, args });
    clearInterval(timer);
    await sleep(100);
    if (code !== 0) throw new Error(`exit ${String(code)}: ${stderr} (${pid})`);
    const ram = report?.['ram'] as Record<string, number>;
    console.log(
      `${mib} MiB: ${JSON.stringify(report?.['downtime-parts'])} downtime ${String(report?.['downtime'])} ms, total ${String(report?.['total-time'])} ms`,
    );
    console.log(JSON.stringify(ram), JSON.stringify(report?.['setup-time']));
    for (const { seen } of agents)
      for (const { name, peakMib, cpuSeconds } of seen.values())
        console.log(
          `  ${name.padEnd(8)} ${peakMib.toFixed(0).padStart(6)} MiB at most, ${cpuSeconds.toFixed(2)} CPU-s`,
        );
  }
} finally {
  rmSync(folder, { recursive: true });
}
