// Programs in node, python3 and bash, each with a question that makes it compare what it did with what it knows.
import { mkdtempSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun, until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import type { Spawned } from '../helpers/namespace-host.ts';
import { get } from './web.ts';

export interface Program extends Spawned {
  /** What the program finds wrong with itself, on the host where it is now. Empty is good. */
  check(host: Host): Promise<string[]>;
  /** A number that grows while the program lives. */
  progress(host: Host): Promise<number>;
  /** Ends it and gives back what it found wrong at the end. */
  end(host: Host): Promise<string[]>;
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function untilReady(spawned: Spawned): Promise<void> {
  await until(
    () => `the program is ready; it said: ${spawned.log()}${spawned.errors()}`,
    () => spawned.log().includes('ready'),
  );
}

const problemsOf = (said: string): string[] => (said === 'ok' ? [] : said.split('\n'));

/** An HTTP server with timers, worker_threads and a child. */
export async function startNode(host: Host, port = 8081): Promise<Program> {
  const file = join(mkdtempSync(join(host.scratch, 'node-')), 'ticks');
  const spawned = await host.spawn(process.execPath, [here('node-server.mjs'), String(port), file], {
    name: 'node',
  });
  await untilReady(spawned);
  return {
    ...spawned,
    check: async (on) => problemsOf(await get(on, port, '/check', 20_000)),
    progress: async (on) => Number(await get(on, port, '/ticks')),
    end: async (on) => {
      await get(on, port, '/quit');
      await on.waitGone(spawned.pid);
      return problemsOf(spawned.errors() === '' ? 'ok' : spawned.errors());
    },
  };
}

/** One word to a server that answers and closes. */
async function say(host: Host, port: number, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ host: host.ip, port }, () => socket.write(word));
    socket.setTimeout(20_000, () => socket.destroy(new Error('no answer in 20 s')));
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.on('end', () => {
      resolve(answer);
    });
    socket.on('error', reject);
  });
}

const lines = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);

/** Threads, a queue, a subprocess, a socket pair, an interval timer and a listener. */
export async function startPython(host: Host, port = 8082): Promise<Program> {
  const file = join(mkdtempSync(join(host.scratch, 'python-')), 'ticks');
  // A shim in front of the interpreter (pyenv) would be the process otherwise.
  const python = (await mustRun('python3', ['-c', 'import sys; print(sys.executable)'])).trim();
  const spawned = await host.spawn(python, [here('python-server.py'), String(port), file], {
    name: 'python',
  });
  await untilReady(spawned);
  return {
    ...spawned,
    check: async (on) => problemsOf(await say(on, port, 'check')),
    progress: () => Promise.resolve(lines(file).length),
    end: async (on) => {
      await say(on, port, 'quit');
      await on.waitGone(spawned.pid);
      return problemsOf(spawned.errors() === '' ? 'ok' : spawned.errors());
    },
  };
}

/** bash with a pipeline of children and others that come and go. */
export async function startPipeline(host: Host): Promise<Program> {
  const file = join(mkdtempSync(join(host.scratch, 'bash-')), 'numbers');
  const spawned = await host.spawn('bash', [here('pipeline.sh'), file], { name: 'bash' });
  await untilReady(spawned);
  const check = (): Promise<string[]> => {
    const wrong = lines(file).filter((line, i) => line !== `${i + 1} ${(i + 1) ** 2} end`);
    return Promise.resolve(wrong.slice(0, 5).map((line) => `the pipeline wrote: ${line}`));
  };
  return {
    ...spawned,
    check,
    progress: () => Promise.resolve(lines(file).length),
    end: async (on) => {
      on.kill(spawned.pid, 'SIGUSR1');
      await on.waitGone(spawned.pid);
      const said = `${spawned.log()}${spawned.errors()}`.replace('ready\n', '').trim();
      return [...problemsOf(said), ...(await check())];
    },
  };
}
