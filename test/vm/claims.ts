// What holds between two machines with the same kernel; the test files say for which.
import type { Test } from 'tap';
import { until } from '../helpers/commands.ts';
import type { VmBed } from './bed.ts';
import type { Guest } from './guest.ts';
import type { KernelName } from './images.ts';
import {
  background,
  leftovers,
  migrate,
  moveOnce,
  patienceMs,
  pidOf,
  reportOf,
  startReceivers,
  startWorkload,
  verdictOf,
} from './moves.ts';
import { guestPrebuilt, guestRoot } from './root.ts';
import { timed } from './table.ts';

const node = `cd ${guestRoot} && GODWIT_PREBUILT=${guestPrebuilt} node`;

/** The rows of `godwit check --json` by name, and what it comes to. */
export async function claimFeatures(
  t: Test,
  bed: VmBed,
  expected: Readonly<Record<string, string>>,
): Promise<void> {
  const [guest] = bed.guests;
  const { code, stdout, stderr } = await guest.run(`node ${guestRoot}/dist/cli/godwit.js check --json`);
  t.equal(code, 0, `this kernel is good enough: ${stderr}`);
  const said = JSON.parse(stdout) as { features: { name: string; result: string; cost: string }[] };
  for (const [name, result] of Object.entries(expected)) {
    const found = said.features.find((feature) => feature.name === name);
    t.equal(found?.result, result, `${name}: ${result}`);
    if (result === 'missing') t.not(found?.cost ?? '', '', `and what that costs: ${found?.cost ?? ''}`);
  }
}

/** The compliance suite, `seeds` sequences, on each of these trackers, which may be named twice; printed is which. */
export async function claimCompliance(
  t: Test,
  bed: VmBed,
  trackers: readonly string[],
  seeds: number,
): Promise<void> {
  const [first, second] = bed.guests;
  const run = async (tracker: string, guest: Guest): Promise<void> => {
    const seed = 1 + Math.floor(Math.random() * 1_000_000);
    await timed(
      {
        kernels: first.kernel,
        tracker,
        what: `compliance, ${seeds === 1 ? 'sequence' : `${seeds} sequences from`} ${seed}`,
      },
      async () => {
        const command = `${node} test/compliance/campaign.js --from-seed ${seed} --count ${seeds} --tracker ${tracker}`;
        const { code, stdout, stderr } = await guest.run(command, 400_000);
        t.equal(
          code,
          0,
          `${tracker}: the copied memory equals the frozen memory (from seed ${seed}): ${stderr}`,
        );
        t.match(stdout, new RegExp(`^${tracker}: .*"flights":${seeds},`), 'and it was that tracker');
        return code === 0 ? (/"comparedPages":(\d+)/.exec(stdout)?.[1] ?? '?') + ' pages equal' : 'failed';
      },
    );
  };
  // Two machines: the trackers are tried side by side.
  const queue = [...trackers];
  const worker = async (guest: Guest): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next, guest);
  };
  await Promise.all([worker(first), worker(second)]);
}

/** Both trackers of writes on one process. */
export async function claimAgreement(t: Test, bed: VmBed): Promise<void> {
  const [, guest] = bed.guests;
  await timed(
    { kernels: guest.kernel, tracker: 'pagemap-scan, soft-dirty', what: 'both on one process' },
    async () => {
      const { code, stdout, stderr } = await guest.run(`${node} test/vm/agreement.js`);
      t.equal(code, 0, `both trackers name the same pages: ${stdout}${stderr}`);
      for (const line of stdout.trim().split('\n')) t.comment(line);
      return code === 0 ? 'they agree' : 'they differ';
    },
  );
}

/** From the second machine to the first: at the same time the workloads move the other way. */
export async function claimRedis(t: Test, bed: VmBed, tracker: string): Promise<void> {
  const [b, a] = bed.guests;
  await timed(
    { kernels: `${a.kernel} -> ${b.kernel}`, tracker, what: 'redis, 16 MiB under writes' },
    async () => {
      const options =
        '--bind 0.0.0.0 --protected-mode no --save "" --appendonly no --enable-debug-command yes --dir /shared';
      await a.mustRun(background(`redis-server ${options}`, '/shared/redis.log'));
      await until(
        'redis answers',
        async () => (await a.run('redis-cli ping')).stdout === 'PONG\n',
        patienceMs,
        300,
      );
      await a.mustRun('redis-cli debug populate 14000 p 1000');
      const digest = (await a.mustRun('redis-cli debug digest-value p:0 p:777 p:13999')).trim();
      await b.mustRun(
        `rm -f /tmp/stop-writing; cd ${guestRoot}; ${background(`node test/vm/redis-load.js ${a.address} ${b.address}`, '/run/load.log')}`,
      );
      await until(
        'the writer writes',
        async () => (await b.run('grep -q writing /run/load.log')).code === 0,
        patienceMs,
        300,
      );
      const moved = await moveOnce(a, b, 'redis-server', '--tcp-close');
      t.ok(moved.ok, `redis moves: ${moved.said}`);
      const at = moved.ok ? b : a;
      t.equal(
        (await at.mustRun('redis-cli debug digest-value p:0 p:777 p:13999')).trim(),
        digest,
        'its content is there',
      );
      await b.mustRun('touch /tmp/stop-writing');
      const said = await until(
        'the writer’s verdict',
        async () => {
          const { stdout } = await b.run('grep "^{" /run/load.log');
          return stdout !== '' && stdout;
        },
        patienceMs,
        500,
      );
      const { acknowledged, checked, problems } = JSON.parse(said) as {
        acknowledged: number;
        checked: number;
        problems: string[];
      };
      t.ok(acknowledged > 0 && checked > 0, `${acknowledged} writes were acknowledged`);
      t.strictSame(problems, [], 'every acknowledged write is there');
      await at.mustRun('redis-cli shutdown nosave; true');
      await until('redis ends', async () => (await pidOf(at, 'redis-server')) === undefined, patienceMs, 300);
      return `${checked} writes there, downtime ${moved.downtimeMs} ms`;
    },
  );
}

/** Another kernel on the other side: refused, both named, nothing touched. */
export async function claimRefused(t: Test, bed: VmBed, releases: readonly [string, string]): Promise<void> {
  const [a, b] = bed.guests;
  await startReceivers(bed);
  await timed({ kernels: `${a.kernel} -> ${b.kernel}`, tracker: '-', what: 'counter' }, async () => {
    const log = await startWorkload(a, 'counter', '/shared/beats 2000 1');
    const result = await migrate(a, b, (await pidOf(a, 'counter')) ?? -1);
    t.equal(result.code, 3, `refused by the check: ${result.stdout}${result.stderr}`);
    const words = JSON.stringify(reportOf(result)['blockers']);
    for (const release of releases) t.ok(words.includes(release), `${release} is named in ${words}`);
    t.equal(await verdictOf(a, 'counter', log), 'ok', 'it runs on, where it was');
    await claimClean(t, bed);
    return 'refused, both kernels named';
  });
}

export async function claimClean(t: Test, bed: VmBed): Promise<void> {
  for (const [i, guest] of bed.guests.entries()) {
    let left = '';
    const isClean = async (): Promise<boolean> => (left = await leftovers(guest)) === '';
    await until('a clean machine', isClean, 20_000, 500).catch(() => false);
    t.equal(left, '', `nothing is left on vm${i + 1}`);
  }
}

/** All that holds on one kernel. */
export interface KernelClaims {
  readonly kernel: KernelName;
  /** What `--tracker auto` takes. */
  readonly auto: string;
  /** The counter comes back, too. */
  readonly returns: boolean;
  /** Emulated code is slow, one kernel will do: what has threads moves, what has reserved huge pages, what has protection keys. */
  readonly threads: boolean;
  readonly hugePages: boolean;
  readonly keys: boolean;
  readonly trackers: readonly string[];
  readonly features: Readonly<Record<string, string>>;
}
