// Real programs whose address moves along with them (--move-ip), there and back under load: their clients connect once, and get all that
// they were promised.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { get as request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sleep, StartedCommand, until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { MovingService } from './kept.ts';
import { ManyClients, type KeptClients } from './many-clients.ts';
import { nginxPort, startNginx } from './nginx.ts';
import { startPostgres, withoutPostgres } from './postgres.ts';
import { checkPreload, preload, RedisLoad, redisPort, startRedis } from './redis.ts';

t.setTimeout(2 * roundsTimeoutMs);
const skip = await unless('hosts', 'godwit');
const skipRedis = skip || (await unless('command:redis-server', 'command:redis-benchmark'));
const skipNginx = skip || (await unless('command:nginx', 'command:wrk'));
const skipPython = skip || (await unless('command:python3'));
const skipPostgres = skip || withoutPostgres() || (await unless('command:psql', 'command:pgbench'));
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A command that only ends when it is told to. */
class Load implements KeptClients, AsyncDisposable {
  readonly #command: StartedCommand;
  #isOver = false;

  constructor(command: string, args: readonly string[]) {
    this.#command = new StartedCommand(command, args, { timeoutMs: 0 });
    void this.#command.ended.then(() => (this.#isOver = true));
  }

  get said(): string {
    return this.#command.stdout + this.#command.stderr;
  }

  async goOn(what: string): Promise<void> {
    await sleep(500);
    if (this.#isOver) throw new Error(`the client ended ${what}: ${this.said}`);
  }

  async stop(): Promise<string> {
    this.#command.child.kill('SIGINT');
    await this.#command.ended;
    return this.said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

await t.test('redis under redis-benchmark', { skip: skipRedis }, async (t) => {
  await using hosts = await makeHosts();
  const service = await MovingService.on(hosts);
  const redis = await startRedis(hosts.a);
  const keys = await preload(hosts.a, 32);
  const endless = ['-t', 'set,get', '-n', '100000', '-l', '-q'];
  const args = ['-h', service.address, '-p', String(redisPort), '-c', '50', '-d', '100', '-r', '10000'];
  await using benchmark = new Load('redis-benchmark', [...args, ...endless]);
  using writer = await RedisLoad.start([{ ip: service.address }], { keys: 10_000, pauseMs: 1 });
  await benchmark.goOn('at first');
  const at = await service.thereAndBack(t, redis.pid, benchmark);
  const { acknowledged, reconnects } = await writer.stop();
  t.equal(reconnects, 0, `no writer had to connect again in ${String(acknowledged)} writes`);
  const verdict = await writer.verify();
  t.strictSame(verdict.problems, [], `all ${String(verdict.checked)} acknowledged writes are there`);
  t.notMatch(await benchmark.stop(), /error|reset|closed|refused/i, 'redis-benchmark has noticed nothing');
  t.strictSame(await checkPreload(at, keys), [], 'what was there before is there');
});

/** Reads a body as slowly as it is told; gives back its hash. */
async function download(url: string, pauseMs: () => number): Promise<string> {
  const hash = createHash('sha256');
  return new Promise((resolve, reject) => {
    request(url, { agent: false }, (response) => {
      response.on('data', (data: Buffer) => {
        hash.update(data);
        response.pause();
        setTimeout(() => response.resume(), pauseMs());
      });
      response.on('end', () => {
        resolve(hash.digest('hex'));
      });
      response.on('error', reject);
    }).on('error', reject);
  });
}

await t.test('nginx under wrk, and a slow download', { skip: skipNginx }, async (t) => {
  await using hosts = await makeHosts();
  const service = await MovingService.on(hosts);
  const nginx = await startNginx(hosts.a);
  const body = Buffer.alloc(24 << 20, 'what a slow reader gets ');
  writeFileSync(join(nginx.directory, 'html/large'), body);
  const url = `http://${service.address}:${String(nginxPort)}/`;
  let pauseMs = 20;
  const slow = download(`${url}large`, () => pauseMs);
  await using wrk = new Load('wrk', ['-t1', '-c50', '-d600s', '--timeout', '10s', url]);
  await wrk.goOn('at first');
  await service.thereAndBack(t, nginx.pid, wrk);
  const said = await wrk.stop();
  t.match(said, /requests in/, 'wrk has its answers');
  t.notMatch(said, /Socket errors|Non-2xx/, `and has noticed nothing: ${said}`);
  pauseMs = 0;
  t.equal(await slow, createHash('sha256').update(body).digest('hex'), 'the download is whole');
});

await t.test('node with 1,000 WebSockets', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const service = await MovingService.on(hosts);
  const port = 7200;
  const server = await hosts.a.spawn(process.execPath, [here('web-socket-server.mjs'), String(port)]);
  await until(
    () => `the server is ready: ${server.errors()}`,
    () => server.log().includes('ready'),
  );
  using clients = ManyClients.webSockets(`ws://${service.address}:${String(port)}/`, 1000, 500);
  await clients.goOn('at first');
  await service.thereAndBack(t, server.pid, clients);
  t.strictSame(clients.problems, [], 'nobody has noticed');
  t.equal(server.log(), 'ready\n', 'nor has the server');
});

for (const [what, script, count, ...more] of [
  ['asyncio under 200 clients that check every byte', 'echo-server.py', 200],
  ['a listener of Multipath TCP, and 50 clients of plain TCP', 'echo-server.py', 50, 'mptcp'],
  ['a chain, with both ends of 100 connections in the tree', 'chain.py', 100],
] as const) {
  await t.test(what, { skip: skipPython }, async (t) => {
    await using hosts = await makeHosts();
    const service = await MovingService.on(hosts);
    const port = 7100;
    const server = await hosts.a.spawn('python3', [here(script), String(port), ...more]);
    await until(
      () => `the server is ready: ${server.errors()}`,
      () => server.log().includes('ready'),
    );
    using clients = ManyClients.echoes(service.address, port, count, 10);
    await clients.goOn('at first');
    await service.thereAndBack(t, server.pid, clients);
    t.strictSame(clients.problems, [], 'nobody has noticed');
    t.equal(server.log(), 'ready\n', 'nor has the server');
    t.equal(server.errors(), '');
  });
}

await t.test('PostgreSQL under pgbench', { skip: skipPostgres }, async (t) => {
  await using hosts = await makeHosts();
  const service = await MovingService.on(hosts);
  const postgres = await startPostgres(hosts.a, service.address);
  const args = ['-h', service.address, '-U', 'postgres', '-c', '8', '-j', '2', '-T', '600', '-P', '1'];
  await using pgbench = new Load('pgbench', [...args, 'postgres']);
  await pgbench.goOn('at first');
  await service.thereAndBack(t, postgres.pid, pgbench);
  const said = await pgbench.stop();
  t.match(said, /[1-9]\.\d tps/, 'transactions went on');
  t.notMatch(said, /error|fatal|aborted|[1-9]\d* failed/i, `and none failed: ${said.slice(-500)}`);
  t.match(await postgres.audit(), /^[1-9]\d*\|t$/m, 'every transaction is there, and none twice');
  t.notMatch(postgres.errors(), /PANIC|terminated by signal|crash/, 'no process of it noticed');
});
