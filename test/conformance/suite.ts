// The suite: which trials there are, and all of them run on two hosts whose agents stay up, some in the air at a time.
import type { Host } from '../helpers/host.ts';
import { HugePages } from '../helpers/huge-pages.ts';
import { makeHosts, type Hosts } from '../helpers/hosts.ts';
import { until } from '../helpers/commands.ts';
import { buildWorkload, workloadHead, workloadNames } from '../helpers/workloads.ts';
import type { SuiteOptions } from './options.ts';
import { rootlessUser, runTrial, type ClaimResult, type Trial } from './trial.ts';

export interface SuiteResult {
  readonly results: readonly ClaimResult[];
  /** What the migrations have left on the hosts; looked at only when every tree has come to its end. */
  readonly leftovers: readonly string[];
}

/** What such a workload has at most on both hosts together. */
const hugePages = 48;

/** All workloads that claim anything, in each of their variants. */
export function plan(filter: string): Trial[] {
  const wanted = filter.toLowerCase();
  return workloadNames
    .map(workloadHead)
    .filter(({ claims }) => claims.length > 0)
    .flatMap((head): Trial[] => [
      ...(head.alwaysMoving ? [] : [{ head, variant: 'rest' } as const]),
      { head, variant: 'motion' },
    ])
    .filter(({ head, variant }) =>
      `${head.family ?? ''} ${head.name} ${variant}`.toLowerCase().includes(wanted),
    );
}

export async function runSuite(
  options: Pick<SuiteOptions, 'flavour' | 'jobs' | 'repeat'>,
  trials: readonly Trial[],
  report: (results: readonly ClaimResult[]) => void,
): Promise<SuiteResult> {
  for (const name of new Set(trials.map(({ head }) => head.name))) await buildWorkload(name);
  using _pages = trials.some(({ head }) => head.needsHugePages)
    ? HugePages.reserve(hugePages * options.jobs)
    : undefined;
  await using hosts = await makeHosts({ count: 2 });
  const [a, b] = options.flavour === 'rootless' ? await forUser(hosts) : [hosts.a, hosts.b];
  for (const host of [a, b]) await host.receive();
  const queue = Array.from({ length: options.repeat }, () => trials).flat();
  const results: ClaimResult[] = [];
  const turns = new Map<string, Promise<unknown>>();
  const run = async (trial: Trial): Promise<ClaimResult[]> => {
    const context = { a, b, flavour: options.flavour };
    const { turn } = trial.head;
    if (turn === undefined) return runTrial(trial, context);
    const before = turns.get(turn) ?? Promise.resolve();
    const mine = before.then(async () => runTrial(trial, context)); // which never rejects
    turns.set(turn, mine);
    return mine;
  };
  const worker = async (): Promise<void> => {
    for (let trial = queue.shift(); trial !== undefined; trial = queue.shift()) {
      const claims = await run(trial);
      results.push(...claims);
      report(claims);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  const allEnded = results.every(({ outcome }) => outcome === 'carried' || outcome === 'skipped');
  let leftovers: string[] = [];
  const look = async (): Promise<boolean> => {
    leftovers = (await Promise.all([a, b].map(async (host) => host.leftovers()))).flat();
    return leftovers.length === 0;
  };
  if (allEnded) await until('clean hosts', look, 10_000, 200).catch(() => undefined);
  return { results, leftovers };
}

async function forUser({ a, b }: Hosts): Promise<[a: Host, b: Host]> {
  return [await a.forUser(rootlessUser), await b.forUser(rootlessUser)];
}
