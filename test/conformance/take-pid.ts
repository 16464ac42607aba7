// Occupies a PID of a host, so that a tree that has it needs a PID namespace of its own there.
import type { Host } from '../helpers/host.ts';

const script = 'echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; sleep 1000 </dev/null >&- 2>&- & echo $!';

/** Others start processes meanwhile, so the number after the last one may be theirs: then it is tried again. */
export async function takePid(host: Host, pid: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const { stdout } = await host.run('sh', ['-c', script, 'sh', String(pid)]);
    const got = Number(stdout.trim());
    if (got === pid) return got;
    host.kill(got);
    if (host.process(pid) !== undefined) throw new Error(`PID ${pid} of ${host.name} is taken already`);
  }
  throw new Error(`PID ${pid} of ${host.name} cannot be taken`);
}
