// What benches between namespace hosts have in common: whether they can run at all, and a flight that must succeed.
import { canMakeHosts } from '../../test/helpers/can-make-hosts.ts';
import type { Host, ReportLine } from '../../test/helpers/host.ts';
import { makeHosts, type Hosts } from '../../test/helpers/hosts.ts';
import { moreArgs } from './sizes.ts';
import { reportFlight } from './report.ts';

/** Ends this process, as well, where hosts cannot be made. */
export async function needHosts(): Promise<void> {
  const blocked = await canMakeHosts();
  if (blocked === true) return;
  console.log(`skipped: ${blocked}`);
  process.exit(0);
}

/** Two hosts that both receive. */
export async function makeReceivers(): Promise<Hosts> {
  const hosts = await makeHosts({ count: 2 });
  await hosts.a.receive();
  await hosts.b.receive();
  return hosts;
}

export interface Journey {
  readonly pid: number;
  readonly from: Host;
  readonly to: Host;
  /** In the report: what flies. */
  readonly what: string;
  readonly args?: readonly string[];
  readonly timeoutMs?: number;
}

/** @throws Error with what migrate has said, unless it exits with 0 */
export async function fly({ pid, from, to, what, args = [], timeoutMs }: Journey): Promise<ReportLine> {
  const options = { args: [...args, ...moreArgs], timeoutMs };
  const { code, report, stdout, stderr } = await from.migrate(pid, to, options);
  if (code !== 0 || report === undefined)
    throw new Error(`${what}: exit ${String(code)}\n${stdout.slice(-2000)}${stderr}`);
  reportFlight(what, report);
  return report;
}

/** To and fro, so many times: the reports. */
export async function flyToAndFro(
  { a, b }: Hosts,
  moves: number,
  journey: Omit<Journey, 'from' | 'to'>,
): Promise<ReportLine[]> {
  const reports: ReportLine[] = [];
  for (let i = 0; i < moves; i++) {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
    reports.push(await fly({ ...journey, from, to }));
  }
  return reports;
}

export const downtimeOf = (report: ReportLine): number => Number(report['downtime']);

export function partsOf(report: ReportLine): Readonly<Record<string, number>> {
  return report['downtime-parts'] as Record<string, number>;
}
