// A process with much memory moves between two namespace hosts: how fast its pages flow, what CPU time both agents take for a gigabyte, and
// how large the agents' own memory becomes (VmHWM of proc(5), code of Node included: 45 MiB). Goals: 256 MiB at most for each agent, at
// any size. GODWIT_MIB: sizes of the process, by commas (64,1024,8192); GODWIT_ARGS: more words for `migrate`.
import { readFileSync, rmSync } from 'node:fs';
import type { Host } from '../test/helpers/host.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { sleep, until } from '../test/helpers/commands.ts';
import { compile } from './lib/compile.ts';
import { fly, needHosts } from './lib/hosts.ts';
import { reportGoal } from './lib/report.ts';
import { isQuick } from './lib/sizes.ts';

const sizes = (process.env['GODWIT_MIB'] ?? (isQuick ? '64,128' : '64,1024,8192')).split(',').map(Number);
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

await needHosts();
const { binary, folder } = compile('page-writer');
try {
  for (const mib of sizes) {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    const writer = await a.spawn('bash', ['-c', `exec sleep infinity | ${binary} ${mib}`]);
    await until(
      'the process with memory',
      () => {
        return writer.log() !== '' && a.processes().some(({ command }) => command.startsWith(binary));
      },
      60_000,
    );
    const agents = [new Agents(a), new Agents(b)];
    const timer = setInterval(() => {
      for (const each of agents) each.look();
    }, 100);
    const what = `page writer, ${mib} MiB`;
    const report = await fly({ pid: writer.pid, from: a, to: b, what, timeoutMs: 300_000 });
    clearInterval(timer);
    await sleep(100);
    const ram = report['ram'] as Record<string, number>;
    console.log(
      `${mib} MiB: ${JSON.stringify(report['downtime-parts'])} downtime ${String(report['downtime'])} ms, total ${String(report['total-time'])} ms`,
    );
    console.log(JSON.stringify(ram));
    for (const { seen } of agents)
      for (const { name, peakMib, cpuSeconds } of seen.values())
        console.log(
          `  ${name.padEnd(8)} ${peakMib.toFixed(0).padStart(6)} MiB at most, ${cpuSeconds.toFixed(2)} CPU-s`,
        );
    const all = agents.flatMap(({ seen }) => [...seen.values()]);
    const greatest = (names: readonly string[]): number =>
      Math.max(...all.filter(({ name }) => names.includes(name)).map(({ peakMib }) => peakMib));
    const [source, target] = [greatest(['migrate']), greatest(['receive', 'worker'])];
    if (mib === Math.max(...sizes))
      reportGoal('agent-memory', Math.max(source, target), {
        conditions: `a process of ${mib} MiB; source ${source.toFixed(0)} MiB, target ${target.toFixed(0)} MiB (VmHWM of each process)`,
        reduced: mib < 8192,
      });
  }
} finally {
  rmSync(folder, { recursive: true });
}
