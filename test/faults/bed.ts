// The bed of the fault tests: a counter with ballast on host a, `receive` on host b, and the claims that hold after every fault:
// exactly one copy runs, its beats are without gap or double, and the host without it is clean.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { judge, lastNode, readBeats, untilBeat } from '../helpers/heartbeat.ts';
import { makeHosts } from '../helpers/hosts.ts';
import type { Hosts } from '../helpers/hosts.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';
import type { RunningWorkload } from '../helpers/workloads.ts';

export interface Bed extends AsyncDisposable {
  readonly hosts: Hosts;
  readonly a: Host;
  readonly b: Host;
  readonly counter: RunningWorkload;
  readonly beats: string;
}

export interface BedOptions {
  readonly mib?: number;
  /** Whether host b receives; it does unless told otherwise. */
  readonly receive?: boolean;
  /** Nothing is encrypted, so that messages can be read on their way. */
  readonly plaintext?: boolean;
}

export async function makeBed(options: BedOptions = {}): Promise<Bed> {
  const hosts = await makeHosts({ count: 2 });
  try {
    const { a, b } = hosts;
    const { plaintext } = options;
    if (options.receive ?? true) await b.receive(plaintext === undefined ? {} : { plaintext });
    const mib = String(options.mib ?? 16);
    const counter = await startWorkload(a, 'counter', (directory) => [`${directory}/heartbeat`, '1000', mib]);
    const beats = `${counter.directory}/heartbeat`;
    return { hosts, a, b, counter, beats, [Symbol.asyncDispose]: async () => hosts[Symbol.asyncDispose]() };
  } catch (error) {
    await hosts[Symbol.asyncDispose]();
    throw error;
  }
}

/** The host on which the counter beat last. */
export function hostOf(bed: Bed): Host {
  const node = lastNode(bed.beats);
  const host = bed.hosts.all.find((_, index) => node === `h${index + 1}-${bed.hosts.id}`);
  if (host === undefined) throw new Error(`nobody is ${node}`);
  return host;
}

/** What speaks against "exactly one copy runs, and the other host is clean". Empty is good. */
export async function faultsOf(bed: Bed): Promise<string[]> {
  if ((await untilBeat(bed.beats, 5000)) === undefined) {
    const where = bed.hosts.all.map(
      (host) => `${host.name}: ${host.process(bed.counter.pid)?.state ?? 'not there'}`,
    );
    return [`no copy runs (${where.join(', ')}); it said: ${bed.counter.log()}`];
  }
  const at = hostOf(bed);
  const other = at === bed.a ? bed.b : bed.a;
  let left: string[] = [];
  const clean = async (): Promise<boolean> => (left = await other.leftovers()).length === 0;
  await until('the other host is clean', clean, 10_000, 100).catch(() => false);
  const traced = await at.run('grep', ['TracerPid', `/proc/${bed.counter.pid}/status`]);
  const tracer = Number(traced.stdout.split(/\s+/)[1]);
  return [
    ...judge(readBeats(bed.beats)).problems.slice(0, 5),
    ...left.map((what) => `left on ${other.name}: ${what}`),
    ...(tracer === 0 ? [] : [`process ${bed.counter.pid} is traced by ${tracer}`]),
    ...((await untilBeat(bed.beats, 1000)) === undefined ? ['it does not go on'] : []),
  ];
}

/** Claims that the tree goes on at its source as if nothing had been, and that nobody keeps anything. */
export async function claimUntouched(t: Test, bed: Bed): Promise<void> {
  t.strictSame(await faultsOf(bed), [], 'the counter goes on, alone');
  t.equal(hostOf(bed).name, 'a', 'on its source');
  let left: string[] = [];
  const clean = async (): Promise<boolean> => (left = await bed.a.leftovers([bed.counter.pid])).length === 0;
  await until('the source is clean', clean, 5000, 100).catch(() => false);
  t.strictSame(left, [], 'nothing is left on the source');
}

/** Ends the counter where it is and claims that its memory was right to the end. */
export async function claimContent(t: Test, bed: Bed): Promise<void> {
  t.equal(await verdictOf(hostOf(bed), bed.counter), 'ok', 'its memory is right');
}

/** The worker of the receiving daemon: its child that is no keeper. */
export function workersOf(host: Host): number[] {
  const daemon = host.receiver === undefined ? -1 : host.outsidePid(host.receiver.pid);
  return host
    .processes()
    .filter((seen) => seen.parent === daemon && !seen.command.includes('keeper') && seen.state !== 'Z')
    .map((seen) => seen.outsidePid);
}

/** What the journals in /run/godwit say, as a process in that host sees it. */
export function journals(outsidePid: number, role: 'source' | 'target'): string {
  const folder = `/proc/${outsidePid}/root/run/godwit`;
  const read = (id: string): string => {
    const path = `${folder}/${id}/${role}/journal`;
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  };
  return existsSync(folder) ? readdirSync(folder).map(read).join('') : '';
}

/** SIGKILL. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it was faster
    }
  }
}

/** Small, seeded, good enough to choose instants: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: --from-seed N or GODWIT_SEED repeats one, else it is new. */
export function chooseSeed(): number {
  const flag = process.argv.indexOf('--from-seed');
  const given = flag >= 0 ? process.argv[flag + 1] : process.env['GODWIT_SEED'];
  return given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
}
