// A tree goes to the other host and comes back, as often as asked, and each flight is looked at from outside: exit code, report,
// what is left on the host that it came from.
import t from 'tap';
import type { Test } from 'tap';
import { sleep } from './commands.ts';
import type { Host, MigrateResult } from './host.ts';
import { judge, readBeats } from './heartbeat.ts';
import { makeHosts } from './hosts.ts';
import { unless } from './skip-unless.ts';
import { startWorkload, verdictOf } from './workloads.ts';

/** How many times there and back: GODWIT_ROUNDS, else 1. */
export const rounds = Number(process.env['GODWIT_ROUNDS'] ?? 1);
/** For a test of whole migrations, on a machine that others use too. */
export const roundsTimeoutMs = 240_000 + rounds * 60_000;

/** All that the two terminals showed, for a failed test. */
export function explain(result: MigrateResult, to: Host): string {
  const receive = to.receiver?.spawned;
  const said = `${result.stdout}\n${result.stderr}`.slice(-4000);
  return `exit ${String(result.code ?? result.signal)}\n${said}\n-- receive:\n${(receive?.log() ?? '').slice(-2000)}${(receive?.errors() ?? '').slice(-2000)}`;
}

/** Moves one tree once and claims what is true of every good migration. False when it did not work. */
export async function fly(
  t: Test,
  from: Host,
  to: Host,
  pid: number,
  args: readonly string[] = [],
): Promise<boolean> {
  const result = await from.migrate(pid, to, { args });
  const report = result.report;
  if (result.code !== 0 || report?.['status'] !== 'completed') {
    t.fail(`the tree moves from ${from.name} to ${to.name}: ${explain(result, to)}`);
    return false;
  }
  t.pass(
    `moved from ${from.name} to ${to.name}, downtime ${String(report['downtime'])} ms of ${String(report['total-time'])}`,
  );
  t.ok(to.process(pid), 'it is there with its PID');
  t.strictSame(await from.lastingLeftovers(), [], 'nothing is left where it came from');
  return true;
}

/** There and back `rounds` times; `look` is called after each flight with the host where the tree is. */
export async function thereAndBack(
  t: Test,
  hosts: { readonly a: Host; readonly b: Host },
  pid: number,
  look: (host: Host) => Promise<void>,
  args: readonly string[] = [],
): Promise<Host> {
  const { a, b } = hosts;
  if (a.receiver === undefined) await a.receive();
  if (b.receiver === undefined) await b.receive();
  for (let round = 0; round < rounds; round++) {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      if (!(await fly(t, from, to, pid, args))) return from;
      await look(to);
    }
  }
  return a;
}

export interface CarriesOptions {
  readonly args?: readonly string[];
  readonly migrateArgs?: readonly string[];
  /** Time to work between the flights. */
  readonly workMs?: number;
}

/** The test of one kind: its workload is content after the way there and back, and both hosts are clean. */
export async function carries(
  workloadName: string,
  claim: string,
  options: CarriesOptions = {},
): Promise<void> {
  const skip = await unless('hosts', 'godwit', 'command:cc');
  await t.test(claim, { skip, timeout: roundsTimeoutMs }, async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const workload = await startWorkload(hosts.a, workloadName, options.args);
    const work = async (): Promise<void> => sleep(options.workMs ?? 300);
    await work();
    const at = await thereAndBack(t, hosts, workload.pid, work, options.migrateArgs);
    if (workloadName === 'counter') {
      const verdict = judge(readBeats(`${workload.directory}/heartbeat`));
      t.strictSame(verdict.problems, [], 'each beat is written once, in order');
      t.comment(`longest pause ${verdict.longestPauseMs} ms over ${verdict.nodes.join(', ')}`);
    }
    t.equal(await verdictOf(at, workload), 'ok', `the workload is content on ${at.name}`);
    for (const host of hosts.all)
      t.strictSame(await host.lastingLeftovers(), [], `nothing is left on ${host.name}`);
  });
}
