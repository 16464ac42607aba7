// A target whose memory ends while a tree arrives: in the first round or in a later one. The kernel kills a
// shell there; the tree runs on at its source, which is told why.
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { parseReport, type Host, type ReportLine } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

t.setTimeout(240_000); // whole migrations on a machine that others use too
const root = '/sys/fs/cgroup/memory';
const skip = (await unless('hosts', 'godwit', 'command:cc')) || withoutLimits();

/** Whether memory of processes can be limited here: by the controller of cgroup v1. */
function withoutLimits(): string | false {
  try {
    readFileSync(`${root}/memory.limit_in_bytes`);
    return false;
  } catch {
    return 'no memory controller (cgroup v1) here';
  }
}

class Limited implements AsyncDisposable {
  readonly #path: string;

  /** `receive` of the host, and all that it starts from now on. */
  constructor(host: Host) {
    this.#path = `${root}/godwit-test-${process.pid}-${host.name}`;
    mkdirSync(this.#path);
    writeFileSync(`${this.#path}/cgroup.procs`, String(host.outsidePid(host.receiver?.pid ?? -1)));
  }

  get bytes(): number {
    return Number(readFileSync(`${this.#path}/memory.usage_in_bytes`, 'latin1'));
  }

  /** Of all of them together, bytes; -1: none. */
  set limit(bytes: number) {
    writeFileSync(`${this.#path}/memory.limit_in_bytes`, String(bytes));
  }

  /** Who is on its way out is moved nowhere, and holds the group until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await until('its group is empty', () => this.#remove(), 10_000, 20);
  }

  #remove(): boolean {
    for (const pid of readFileSync(`${this.#path}/cgroup.procs`, 'latin1').split('\n')) {
      try {
        if (pid !== '') writeFileSync(`${root}/cgroup.procs`, pid);
      } catch {
        // it has ended
      }
    }
    try {
      rmdirSync(this.#path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
      throw error;
    }
  }
}

const isRound = (line: ReportLine): boolean => 'round-time' in line;

/** Bytes of the largest shell that is there. */
function largestShell(host: Host): number {
  const sizes = host.processes().map(({ command, outsidePid }) => {
    if (!command.includes('godwit-shell')) return 0;
    try {
      return Number(readFileSync(`/proc/${outsidePid}/statm`, 'latin1').split(' ')[1]) * 4096;
    } catch {
      return 0; // it has ended
    }
  });
  return Math.max(0, ...sizes);
}

/** When the memory of the target becomes too little: 64 MiB come in round 0, as many in the next, and the wire takes 16 MB a second. */
const cases: Readonly<Record<string, (lines: readonly ReportLine[], to: Host) => boolean>> = {
  'in the first round': (_lines, to) => largestShell(to) > 48 << 20,
  'in a later round': (lines) => lines.some(isRound),
};

for (const [when, isTime] of Object.entries(cases)) {
  await t.test(when, { skip, timeout: 120_000 }, async (t: Test) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    await b.receive();
    await using limited = new Limited(b);
    const workload = await startWorkload(a, 'grows', ['64']);
    const words = ['--json', '--bandwidth', '16MB', '--compress', 'none'];
    const flight = a.start(process.execPath, a.migrateArgs(workload.pid, b, words));
    const lines = (): ReportLine[] =>
      parseReport(flight.stdout.slice(0, flight.stdout.lastIndexOf('\n') + 1));
    await until('the first pages', () => largestShell(b) > 4 << 20, 60_000, 5);
    a.kill(workload.pid, 'SIGUSR2'); // seen in the next round
    await until('its moment', () => isTime(lines(), b), 30_000, 5);
    limited.limit = limited.bytes + (8 << 20);
    const result = await flight.ended;
    const report = lines().at(-1);
    t.equal(result.code, 1, 'it did not move');
    t.match(report, { status: 'failed', 'exit-code': 1 });
    // Whom the kernel kills is its own choice: a shell, which the agent tells, or the agent, which cannot tell any more.
    const { code, message } = (report?.['error'] ?? {}) as { code?: string; message?: string };
    if (code === 'NO_SPACE') {
      t.match(message, /the target ran out of memory/);
      const says = (): boolean =>
        /NO_SPACE: the target ran out of memory/.test(b.receiver?.spawned.errors() ?? '');
      t.ok(await until('its log', says, 10_000).catch(() => false), 'its log says so too');
    } else t.match({ code, message }, { code: 'PEER', message: /the target closed the/ });
    limited.limit = -1;
    await sleep(100);
    t.ok(a.process(workload.pid), 'it runs on');
    t.strictSame(await b.lastingLeftovers(), [], 'the target keeps nothing');
    const again = await a.migrate(workload.pid, b);
    t.equal(again.code, 0, 'with memory enough it moves');
    t.equal((await verdictOf(b, workload)).replaceAll(/^grown\n/gm, ''), 'ok');
  });
}
