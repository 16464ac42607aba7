// Trees that move between two machines: started on the first, moved to the second and back, judged by themselves and their clients.
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandResult } from '../helpers/commands.ts';
import { until } from '../helpers/commands.ts';
import type { VmBed } from './bed.ts';
import type { Guest } from './guest.ts';
import { guestRoot } from './root.ts';

const godwit = `node ${guestRoot}/dist/cli/godwit.js`;
const port = 7070;
/** For anything that a machine is asked to do, however busy it is. */
export const patienceMs = 300_000;

/** The daemons of both machines. */
export async function startReceivers({ guests }: VmBed): Promise<void> {
  await Promise.all(
    guests.map(async (guest) => {
      const log = '/run/receive.log';
      await guest.mustRun(
        background(`${godwit} receive --listen ${guest.address}:${port} --plaintext --allow-root`, log),
      );
      let said = '';
      await until(
        () => `receive listens on Linux ${guest.kernel}; it said: ${said}`,
        async () => (said = (await guest.run(`cat ${log}`)).stdout).includes('listening on'),
        patienceMs,
        500,
      );
    }),
  );
}

/** A shell command whose program goes on, in a session of its own; its words lie in the log. */
export function background(command: string, log: string): string {
  return `setsid ${command} >${log} 2>&1 </dev/null &`;
}

export async function migrate(from: Guest, to: Guest, pid: number, args = ''): Promise<CommandResult> {
  return from.run(
    `${godwit} migrate --pid ${pid} --to ${to.address}:${port} --plaintext --json --rehearsals 1 ${args}`,
    patienceMs,
  );
}

/** The last line of `migrate --json`. */
export function reportOf({ stdout }: CommandResult): Record<string, unknown> {
  const last = stdout.trim().split('\n').at(-1) ?? '';
  return last.startsWith('{') ? (JSON.parse(last) as Record<string, unknown>) : {};
}

/** PID of the program with this name, which runs once, its children aside; undefined when it does not run. */
export async function pidOf(guest: Guest, name: string): Promise<number | undefined> {
  const parentOf = `$(cut -d ' ' -f 4 /proc/$pid/stat 2>/dev/null)`;
  const { stdout } = await guest.run(
    `for pid in $(pidof ${name}); do [ "$(cat /proc/${parentOf}/comm 2>/dev/null)" = ${name} ] || echo $pid; done`,
  );
  const pids = stdout.split('\n').filter((line) => line !== '');
  if (pids.length > 1)
    throw new Error(`${name} runs ${pids.length} times on Linux ${guest.kernel}: ${stdout}`);
  return pids[0] === undefined ? undefined : Number(pids[0]);
}

export interface Move {
  readonly ok: boolean;
  readonly downtimeMs: number;
  /** The tracker that `migrate` took. */
  readonly tracker: string;
  /** Why not, in the words of the two terminals. */
  readonly said: string;
}

/** Moves the only program of this name, and looks whether it runs there and no longer here. */
export async function moveOnce(from: Guest, to: Guest, name: string, args = ''): Promise<Move> {
  const pid = await pidOf(from, name);
  if (pid === undefined) return { ok: false, downtimeMs: NaN, tracker: 'none', said: `${name} does not run` };
  const result = await migrate(from, to, pid, args);
  const report = reportOf(result);
  const there = (await pidOf(to, name)) !== undefined;
  const here = !(await hasEnded(from, name));
  const ok = result.code === 0 && report['status'] === 'completed' && there && !here;
  const log = ok ? '' : (await to.run('cat /run/receive.log')).stdout;
  const where = `runs there: ${String(there)}, still here: ${String(here)}`;
  return {
    ok,
    downtimeMs: Number(report['downtime']),
    tracker: /, tracker ([a-z-]+)\)/.exec(result.stdout)?.[1] ?? 'none',
    said: `exit ${String(result.code)}, ${where}\n${result.stdout}${result.stderr}\n-- receive: ${log}`.slice(
      -4000,
    ),
  };
}

/** The dead process keeps its PID and name until init, which shares the only processor with busy threads, has waited for it. */
async function hasEnded(guest: Guest, name: string): Promise<boolean> {
  const end = performance.now() + 10_000;
  while ((await pidOf(guest, name)) !== undefined) {
    if (performance.now() > end) return false;
    await sleep(200);
  }
  return true;
}

/** Starts a workload of test/workloads on a machine, with its words in the shared folder, and waits until it is ready. `isMoving`: its variant in motion. */
export async function startWorkload(
  guest: Guest,
  name: string,
  args: string,
  isMoving = false,
): Promise<string> {
  const log = `/shared/${name}.log`;
  // The agents need the machine's only processor, too: seven busy threads would leave them an eighth.
  await guest.mustRun(
    `rm -f ${log}; ${background(`${isMoving ? 'env WORKLOAD_MOTION=1 ' : ''}nice -n 19 ${name} ${args}`, log)}`,
  );
  await until(
    `${name} is ready`,
    async () => (await guest.run(`grep -q ready ${log}`)).code === 0,
    patienceMs,
    200,
  );
  return log;
}

/** Ends a workload and gives back its verdict: "ok", or what is wrong. */
export async function verdictOf(guest: Guest, name: string, log: string): Promise<string> {
  const pid = await pidOf(guest, name);
  if (pid === undefined) return `${name} does not run: ${(await guest.run(`cat ${log}`)).stdout}`;
  await guest.mustRun(`kill -USR1 ${pid}`);
  await until(`${name} ends`, async () => (await pidOf(guest, name)) === undefined, patienceMs, 300);
  return (await guest.mustRun(`tail -n 1 ${log}`)).trim();
}

/** What migrations left on a machine: a list that should be empty. */
export async function leftovers(guest: Guest): Promise<string> {
  const look = 'ls -A /run/godwit 2>/dev/null; ls /sys/fs/cgroup | grep godwit; pgrep -l godwit-keeper; true';
  return (await guest.mustRun(look)).trim();
}
