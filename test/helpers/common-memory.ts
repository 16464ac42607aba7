// A parent and 32 workers that share memory by copy-on-write (test/workloads/crowd.c, workers): what the tree takes of the wire and of
// the target's memory, in units of what it shares. Sent and kept for each process by itself it were 33.
import { readFileSync } from 'node:fs';
import type { Host } from './host.ts';
import { startWorkload, verdictOf } from './workloads.ts';

export interface CommonMemory {
  /** Bytes of pages on the wire against the memory in common. */
  readonly wire: number;
  /** Memory of the tree where it has arrived (proportional set sizes) against the memory in common. */
  readonly memory: number;
  /** The workload's own verdict: "ok". */
  readonly verdict: string;
  readonly report: Record<string, unknown>;
}

/** `isWriting`: the parent goes on writing into a sixteenth of it while it is copied. Preconditions: `b` receives. */
export async function moveWorkers(a: Host, b: Host, mib: number, isWriting: boolean): Promise<CommonMemory> {
  const options = isWriting ? { env: { WORKLOAD_MOTION: '1' } } : {};
  const crowd = await startWorkload(a, 'crowd', ['workers', String(mib)], options);
  const { code, report, stdout, stderr } = await a.migrate(crowd.pid, b);
  if (code !== 0 || report === undefined)
    throw new Error(`exit ${String(code)}: ${stdout.slice(-2000)}${stderr}`);
  const { transferred } = report['ram'] as { transferred: number };
  const members = b.processes().filter(({ command }) => command.includes(' workers '));
  const resident = members.reduce((sum, { outsidePid }) => sum + proportionalBytes(outsidePid), 0);
  const common = mib * 2 ** 20;
  return {
    wire: transferred / common,
    memory: resident / common,
    verdict: await verdictOf(b, crowd),
    report,
  };
}

/** Pss of proc_pid_smaps_rollup: a page that n processes map counts as 1/n for each. */
function proportionalBytes(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1];
  return Number(kib ?? 0) * 1024;
}
