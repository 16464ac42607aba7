// A thread that has barred itself from memory with protection key 0 (PKRU) could not run our code: it is told, and left as it is.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';
import { native } from '../../src/native.ts';
import { until } from '../helpers/commands.ts';

const skip =
  native.probe('protection-keys') === 0 ? false : 'this machine has no protection keys, or no root';

for (const [what, denied] of [
  ['reads', 1],
  ['writes', 2],
] as const) {
  void t.test(
    `a thread that is barred from ${what} of ordinary memory runs no program`,
    { skip },
    async (t) => {
      const dir = mkdtempSync(join(tmpdir(), 'godwit-barred-'));
      t.teardown(() => {
        rmSync(dir, { recursive: true, force: true });
      });
      const binary = join(dir, 'barred');
      execFileSync('cc', ['-O1', '-o', binary, new URL('barred.c', import.meta.url).pathname]);
      // The kernel would end a thread whose sequence area it cannot write when it takes the CPU from it (rseq_update_cpu_node_id).
      const env = { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' };
      const child = spawn(binary, [String(denied)], { stdio: ['ignore', 'pipe', 'inherit'], env });
      t.teardown(() => child.kill('SIGKILL'));
      await once(child.stdout, 'data');
      const pid = child.pid ?? 0;
      const ticks = (): number =>
        Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[11]);
      await until('it spins', () => ticks() > 2);
      const open = (): void => {
        using _stopped = stopTasks([pid]);
        LiveProcess.open(pid, pid);
      };
      t.throws(open, { code: 'SYSCALL', hint: /PKRU/ });
      const before = ticks();
      await until('it goes on', () => ticks() > before + 2);
      t.equal(child.signalCode, null, 'it has come to no harm');
    },
  );
}
