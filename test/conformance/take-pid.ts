// Occupies a PID of a host, so that a tree that has it needs a PID namespace of its own there.
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';

const script = 'echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; sleep 1000 </dev/null >&- 2>&- & echo $!';

/**
 * Others start processes meanwhile, so the number after the last one may be theirs: then it is tried again.
 * @returns what is to be killed afterwards; undefined: a process that stays there has the number anyway.
 */
export async function takePid(host: Host, pid: number): Promise<number | undefined> {
  for (let tries = 0; tries < 50; tries++) {
    const { stdout } = await host.run('sh', ['-c', script, 'sh', String(pid)]);
    const got = Number(stdout.trim());
    if (got === pid) return got;
    host.kill(got);
    if (await isTakenForLong(host, pid)) return undefined;
  }
  throw new Error(`PID ${pid} of ${host.name} cannot be taken`);
}

/** By a process, a thread, or a group or session whose leader is dead: fork(2) gives it to nobody. */
const isTaken =
  '[ -e /proc/$1 ] || cat /proc/[0-9]*/stat 2>/dev/null | sed "s/.*) //" | cut -d" " -f3,4 | tr " " "\\n" | grep -qx "$1"';

async function isTakenForLong(host: Host, pid: number): Promise<boolean> {
  const isFree = async (): Promise<boolean> =>
    (await host.run('sh', ['-c', isTaken, 'sh', String(pid)])).code !== 0;
  return until(`PID ${pid} of ${host.name} is free`, isFree, 5000, 50).then(
    () => false,
    () => true,
  );
}
