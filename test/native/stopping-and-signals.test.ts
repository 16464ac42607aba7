// A task is stopped thousands of times while signals arrive: none may get lost, and a SIGSTOP stops it for good.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Program } from '../../src/kernel/program.ts';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';
import { until } from '../helpers/commands.ts';

const skip = process.geteuid?.() === 0 ? false : 'ptrace and map_files need root';
const seconds = Number(process.env['GODWIT_ROUNDS'] ?? 1) * 3;

void t.test('no signal is lost between the seizing of a task and its stop', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-signals-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const binary = join(folder, 'signal-storm');
  execFileSync('cc', [
    '-O1',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    binary,
    new URL('signal-storm.c', import.meta.url).pathname,
  ]);
  const storm = spawn(binary, [String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => storm.kill('SIGKILL'));
  let said = '';
  storm.stdout.on('data', (data: Buffer) => (said += data.toString()));
  await until('it is ready', () => said.includes('ready\n'));
  const pid = storm.pid ?? 0;
  let stops = 0;
  for (const end = performance.now() + (seconds - 0.5) * 1000; performance.now() < end; stops++) {
    stopTasks([pid])[Symbol.dispose]();
    if (stops % 200 === 199) await sleep(1);
  }
  await once(storm, 'exit');
  const [sent, arrived] = said.split('\n')[1]?.split(' ').map(Number) ?? [];
  t.equal(arrived, sent, `${stops} stops while signals arrived`);
  t.ok(stops > 100 && (sent ?? 0) > 1000, `${sent ?? 0} signals`);
});

void t.test('SIGSTOP during a program stops the process', { skip }, async (t) => {
  const child = spawn('/usr/bin/sleep', ['100'], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const state = (): string | undefined =>
    /^State:\t(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  await until(
    'it sleeps',
    () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/usr/bin/sleep') && state() === 'S',
  );
  for (let round = 0; round < 20; round++) {
    // Somebody else sends it, at any moment of what follows.
    const sender = spawn('/bin/sh', ['-c', `sleep 0.0${round % 10}; kill -STOP ${pid}`], { stdio: 'ignore' });
    while (sender.exitCode === null) {
      using _stopped = stopTasks([pid]);
      const live = LiveProcess.open(pid, pid);
      for (let i = 0; i < 20; i++) {
        const program = new Program();
        for (let call = 0; call < 50; call++) program.call('getpid');
        live.run(program);
      }
      live.close();
      await new Promise(setImmediate);
    }
    await until(`round ${round}: it is stopped`, () => state() === 'T', 2000, 5).catch(() => undefined);
    t.equal(state(), 'T', `round ${round}`);
    process.kill(pid, 'SIGCONT');
    await until('it goes on', () => state() === 'S', 5000, 5);
  }
});
