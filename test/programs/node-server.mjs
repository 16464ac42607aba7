// A node program with all that its event loop has: an HTTP server, timers, worker threads, a child process behind pipes, files.
// GET /check compares what it did with what it knows and answers "ok" or what was wrong.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { setInterval } from 'node:timers';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);

const chain = 20000; // links, then it begins again: a check must not take longer the longer the program lives
const link = (hash, n) =>
  createHash('sha256')
    .update(n % chain === 0 ? Buffer.from('start') : hash)
    .digest();

/** A worker hashes a chain all the time and answers where it stands. */
function work() {
  let links = 0;
  let hash = Buffer.from('start');
  const step = () => {
    for (let i = 0; i < 50; i++, links++) hash = link(hash, links);
    setTimeout(step, 2);
  };
  step();
  parentPort.on('message', () => parentPort.postMessage({ links, hash: hash.toString('hex') }));
}

function main(port, file) {
  const problems = [];
  const started = process.hrtime.bigint();
  const wallAtStart = Date.now();
  const marks = new Map(
    Array.from({ length: 20000 }, (_, i) => [`key ${i}`, { value: i, text: `text of ${i}` }]),
  );
  const log = openSync(file, 'a+');
  let ticks = 0;
  let lastTick = process.hrtime.bigint();
  setInterval(() => {
    const now = process.hrtime.bigint();
    if (now < lastTick) problems.push(`the clock ran back by ${lastTick - now} ns`);
    lastTick = now;
    ticks++;
    writeSync(log, `${ticks}\n`);
  }, 20);

  const workers = [new Worker(self), new Worker(self)];
  const ask = (worker) =>
    new Promise((resolve) => {
      worker.once('message', resolve);
      worker.postMessage('where');
    });
  const echo = spawn('cat', [], { stdio: ['pipe', 'pipe', 'inherit'] });
  echo.on('exit', (code, signal) => problems.push(`the child ended: ${code ?? signal}`));
  const throughChild = (line) =>
    new Promise((resolve) => {
      echo.stdout.once('data', (data) => resolve(String(data)));
      echo.stdin.write(line);
    });

  async function check() {
    for (const [key, { value, text }] of marks) {
      if (key !== `key ${value}` || text !== `text of ${value}`) problems.push(`${key} is ${value} ${text}`);
    }
    for (const worker of workers) {
      const { links, hash } = await ask(worker);
      let wanted = Buffer.from('start');
      for (let i = links - 1 - ((links - 1) % chain); i < links; i++) wanted = link(wanted, i);
      if (wanted.toString('hex') !== hash) problems.push(`a worker's chain is wrong after ${links} links`);
    }
    const line = `line ${ticks}\n`;
    const back = await throughChild(line);
    if (back !== line) problems.push(`the child gave back ${back}, not ${line}`);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    lines.forEach((text, i) => {
      if (Number(text) !== i + 1) problems.push(`line ${i + 1} of the file is ${text}`);
    });
    const monotonic = Number(process.hrtime.bigint() - started) / 1e6;
    const wall = Date.now() - wallAtStart;
    if (Math.abs(monotonic - wall) > 500) problems.push(`${monotonic} ms passed, but ${wall} ms on the wall`);
    if (ticks === 0) problems.push('no tick at all');
    return problems.length === 0 ? 'ok' : problems.slice(0, 10).join('\n');
  }

  const server = createServer((request, response) => {
    if (request.url === '/check') void check().then((said) => response.end(said));
    else if (request.url === '/ticks') response.end(String(ticks));
    else if (request.url === '/quit')
      response.end('bye', () => {
        closeSync(log);
        process.exit(0);
      });
    else response.end(`hello from ${process.pid}`);
  });
  server.listen(port, '0.0.0.0', () => console.log('ready'));
}

if (isMainThread) main(Number(process.argv[2]), process.argv[3]);
else work();
