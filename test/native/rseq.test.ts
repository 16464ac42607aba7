// A thread that is stopped in a restartable sequence is found at the abort handler: nobody may use it inside of the section.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { registerCount, registerIndex } from '../../src/native-process.ts';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';

const isRoot = process.geteuid?.() === 0;
const skip = isRoot ? false : 'ptrace needs root';

void t.test('a stop leaves the restartable sequence by its abort handler', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'godwit-rseq-'));
  t.teardown(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  const binary = join(dir, 'rseq');
  execFileSync('cc', ['-O1', '-o', binary, new URL('rseq.c', import.meta.url).pathname]);
  const child = spawn(binary, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { GLIBC_TUNABLES: 'glibc.pthread.rseq=0' },
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const [, start = 0, end = 0] = /^rseq (\w+) (\w+)/
    .exec(said.toString())
    ?.map((word) => Number.parseInt(word, 16)) ?? [0];
  t.ok(end > start, 'it says where its section is');
  const pid = child.pid ?? 0;
  const registers = new BigUint64Array(registerCount);
  const rip = (): number => {
    t.equal(native.getRegs(pid, registers), 0);
    return Number(registers[registerIndex.rip]);
  };
  for (let i = 0; i < 50; i++) {
    using _stopped = stopTasks([pid]);
    if (rip() >= start && rip() < end) t.fail(`stopped in the section, at ${rip().toString(16)}`);
    const live = LiveProcess.open(pid, pid);
    const program = new Program();
    const result = program.call('getpid');
    t.equal(live.run(program).number(result), pid);
    t.notOk(rip() >= start && rip() < end, 'nor is it there afterwards');
    live.close();
  }
  t.equal(child.exitCode, null, 'it goes on');
});
