// Remote programs in processes that live on: nothing shows in them, also when the agent is killed in the middle.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { readProcLink } from '../../src/kernel/proc/read-proc.ts';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';
import { until } from '../helpers/commands.ts';

const isRoot = process.geteuid?.() === 0;
const skip = isRoot ? false : 'ptrace and map_files need root';

/** Counts and checks what it counts; ends after a time, or by SIGUSR1, with 0 when nothing disturbed it. */
const victim = [
  'import signal,sys,time',
  'got=[]',
  'signal.signal(signal.SIGUSR1, lambda *a: got.append(1))',
  'end=time.monotonic()+float(sys.argv[1])',
  'n=0',
  'while not got and time.monotonic()<end:',
  '  before=time.monotonic(); time.sleep(0.002); assert time.monotonic()-before>=0.002',
  '  n+=sum(range(1000))-499500',
  'sys.exit(0 if n==0 and signal.pthread_sigmask(signal.SIG_BLOCK,[])==set() else 1)',
].join('\n');

async function started(
  seconds: number,
): Promise<{ child: ChildProcess; pid: number; ended: Promise<unknown[]> }> {
  const child = spawn('/usr/bin/python3', ['-c', victim, String(seconds)], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  while (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/usr/bin/python3'))
    await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 200)); // past its imports: before, it may not have its vdso in use
  return { child, pid, ended };
}

const isOurs = (link: string): boolean => link.startsWith('/memfd:godwit');

function readDescriptorLinks(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => readProcLink(pid, `fd/${fd}`) ?? []);
}

void t.test('a program runs in a live process, which goes on as before', { skip }, async (t) => {
  const { child, pid, ended } = await started(100);
  t.teardown(() => child.kill('SIGKILL'));
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length;
  for (let i = 0; i < 20; i++) {
    using _stopped = stopTasks([pid]);
    const live = LiveProcess.open(pid, pid);
    const program = new Program();
    const result = program.call('getpid');
    t.equal(live.run(program).number(result), pid);
    live.close();
  }
  const now = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').length;
  t.ok(now <= maps + 1, 'no mapping stays but, at most, a heap that grew');
  child.kill('SIGUSR1');
  t.same(await ended, [0, null]);
  t.throws(() => LiveProcess.open(pid, pid), { code: 'NO_PROCESS', message: /ended/ });
});

for (const [without, way] of [
  ['', 'memory opened through map_files'],
  ['map-files', 'memory of a file of its own'],
] as const) {
  void t.test(
    `an agent killed at any moment leaves the process running: ${way}`,
    { skip, timeout: 120_000 },
    async (t) => {
      const { child, pid, ended } = await started(100);
      t.teardown(() => child.kill('SIGKILL'));
      const agent = fileURLToPath(new URL('../helpers/live-agent.ts', import.meta.url));
      for (let i = 0; i < 12; i++) {
        const killed = spawn(process.execPath, ['--import', 'tsx', agent, String(pid)], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, GODWIT_WITHOUT: without },
        });
        const gone = once(killed, 'exit');
        let said = '';
        killed.stdout.on('data', (data: Buffer) => (said += data.toString()));
        await once(killed.stdout, 'data'); // it is at work
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
        killed.kill('SIGKILL');
        await gone;
        // What the keeper does: a thread that waits for the dead agent is released.
        const address = Number(said.trim().split('\n').at(-1));
        native.writeMemory(pid, Float64Array.of(address, 4), 1, Uint8Array.of(1, 0, 0, 0));
        t.notMatch(readFileSync(`/proc/${pid}/status`, 'utf8'), /State:\s*[tTZ]/, 'it is not left stopped');
        await until('no descriptor of ours is left', () => !readDescriptorLinks(pid).some(isOurs));
      }
      child.kill('SIGUSR1');
      t.same(await ended, [0, null], 'its sleeps, its sums and its signal mask are right');
    },
  );
}
