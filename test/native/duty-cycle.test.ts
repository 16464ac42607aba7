// Processes that run for a part of the time only: they get about that part, see nothing of it, and run on whatever becomes of the agent.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Throttle } from '../../src/kernel/throttle.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';
import { native } from '../../src/native.ts';
import { until } from '../helpers/commands.ts';
import { buildWorkload } from '../helpers/workloads.ts';

const skip = process.geteuid?.() === 0 ? false : 'ptrace needs root';
const seconds = Number(process.env['GODWIT_ROUNDS'] ?? 1) * 1.5;

/** Of a process that is no child of ours, as those of a tree are none. */
function startApart(t: Test, command: string): { readonly pid: number; readonly said: () => string } {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-duty-'));
  const out = join(folder, 'out');
  const pid = Number(
    execFileSync('/bin/sh', ['-c', `(exec ${command}) >'${out}' 2>&1 & echo $!`]).toString(),
  );
  t.teardown(() => {
    if (isThere(pid)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return { pid, said: () => readFileSync(out, 'utf8') };
}

const stateOf = (pid: number): string | undefined => {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
};
const isThere = (pid: number): boolean => !['Z', undefined].includes(stateOf(pid));
/** Milliseconds on a processor, all threads. */
const ranMs = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .map((tid) => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    .reduce((sum, ms) => sum + ms, 0);
const tracerOf = (pid: number): number =>
  Number(/TracerPid:\t(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

void t.test('a process that spins gets its part of the time', { skip }, async (t) => {
  const { pid } = startApart(t, 'sh -c "while :; do :; done"');
  await sleep(100);
  using throttle = new Throttle();
  for (const share of [0.5, 0.9, 0.99]) {
    const before = ranMs(pid);
    const began = performance.now();
    throttle.slow([pid], share);
    await sleep(1000 * seconds);
    using _paused = throttle.pause();
    const part = (ranMs(pid) - before) / (performance.now() - began);
    t.comment(`${share} off: it ran for ${part.toFixed(3)} of the time`);
    t.ok(part < (1 - share) * 1.5 + 0.05, 'not for much more'); // for less where others want the processors too
    t.ok(part > 0.002, 'but it runs');
    t.equal(tracerOf(pid), 0, 'nobody traces it in a pause');
  }
  const tally = throttle.end();
  t.ok(tally !== undefined && tally.stops > 0 && tally.stops <= tally.periods, JSON.stringify(tally));
  t.equal(throttle.share, 0);
  const before = ranMs(pid);
  await until('it runs again', () => ranMs(pid) > before + 20);
});

void t.test(
  'a pause gives it to whoever wants to stop it, and ends with the slowing going on',
  { skip },
  async (t) => {
    const { pid } = startApart(t, 'sh -c "while :; do :; done"');
    using throttle = new Throttle();
    throttle.slow([pid], 0.9);
    for (let i = 0; i < 50; i++) {
      await sleep(i % 7);
      using _paused = throttle.pause();
      using _nested = throttle.pause();
      using stopped = stopTasks([pid]);
      if (!stopped.has(pid)) t.fail(`turn ${i}: it does not stop`);
    }
    await until('it is slowed again', () => stateOf(pid) === 't', 5000, 1);
    throttle.end();
    using _paused = throttle.pause();
    throttle.slow([pid], 0.5);
    await sleep(50);
    t.equal(tracerOf(pid), 0, 'what has ended does not begin again');
  },
);

for (const [on, off] of [
  [2, 18],
  [1, 99],
] as const) {
  const name = `a program that waits in many ways sees nothing of ${on} ms in ${on + off}`;
  await t.test(name, { skip, timeout: 120_000 }, async (t) => {
    const { pid, said } = startApart(t, `'${await buildWorkload('slowed')}' 8 2 1`);
    await until('it is ready', () => said().includes('ready\n'));
    const cycle = new native.DutyCycle(Int32Array.of(pid));
    cycle.run(on * 1000, off * 1000);
    const asked = Math.ceil(seconds * 100);
    for (let i = 0; i < asked; i++) {
      await sleep(Math.random() * 30);
      process.kill(pid, 'SIGUSR2');
      const answers = (): boolean => said().split('pieces ').length > i + 1;
      if (!isThere(pid)) break;
      await until(() => `answer ${i}: ${said().slice(-200)}`, answers, 10_000, 1);
    }
    const tally = cycle.halt();
    t.ok(tally.stops > 20, JSON.stringify(tally));
    process.kill(pid, 'SIGUSR1');
    await until('it ends', () => !isThere(pid), 10_000);
    t.equal(said().trim().split('\n').at(-1), 'ok');
  });
}

void t.test('killed in an off-phase it dies, and its parent hears of it', { skip }, async (t) => {
  const { pid, said } = startApart(t, `sh -c 'sh -c "echo \\$\\$; while :; do :; done"; echo ended $?'`);
  const child = await until('it is there', () => /^(\d+)\n/.exec(said())?.[1]);
  using throttle = new Throttle();
  throttle.slow([Number(child)], 0.99);
  await until('it stands', () => stateOf(Number(child)) === 't', 5000, 1);
  process.kill(Number(child), 'SIGKILL');
  await until('its parent hears', () => said().includes('ended 137'), 5000, 5);
  t.notOk(isThere(pid));
});

void t.test('an agent that dies in an off-phase leaves it running', { skip }, async (t) => {
  const { pid } = startApart(t, 'sh -c "while :; do :; done"');
  const script = `
    import { Throttle } from ${JSON.stringify(new URL('../../src/kernel/throttle.ts', import.meta.url).href)};
    new Throttle().slow([${pid}], 0.99);
    setInterval(() => undefined, 1000);`;
  const agent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: 'inherit',
  });
  t.teardown(() => agent.kill('SIGKILL'));
  await until('it stands', () => stateOf(pid) === 't', 30_000, 1);
  agent.kill('SIGKILL');
  await until('it runs', () => stateOf(pid) === 'R' && tracerOf(pid) === 0, 5000, 1);
});

void t.test(
  'others are not touched: children of ours, and whoever has the PID later',
  { skip },
  async (t) => {
    const child = spawn('sh', ['-c', 'while :; do :; done']);
    t.teardown(() => child.kill('SIGKILL'));
    const gone = spawn('true');
    await until('it has ended', () => !isThere(gone.pid ?? 0));
    using throttle = new Throttle();
    throttle.slow([child.pid ?? 0, gone.pid ?? 0], 0.99);
    await sleep(100);
    t.equal(throttle.end()?.stops, 0);
    t.throws(() => {
      new native.DutyCycle(Int32Array.of(child.pid ?? 0)).run(0, 1);
    }, RangeError);
  },
);
