// The clients of the real programs, without a migration: they see a pause, find a lost write, and follow a server that comes
// up elsewhere. What fails here says nothing about Godwit.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { RespClient } from '../helpers/resp.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startNode, startPipeline, startPython } from './interpreters.ts';
import { nginxPort, startNginx } from './nginx.ts';
import { checkPreload, preload, RedisLoad, redisPort, startRedis, usedMemoryMiB } from './redis.ts';
import { get, WebLoad, wrk } from './web.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'command:redis-server');
const skipWeb = await unless('hosts', 'command:nginx', 'command:wrk');

await t.test('the writer of redis sees a pause and finds what is lost', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const { a } = hosts;
  const redis = await startRedis(a);
  const keys = await preload(a, 64);
  const used = await usedMemoryMiB(a);
  t.ok(used > 50 && used < 90, `64 MiB asked for, ${used.toFixed(1)} used`);
  t.strictSame(await checkPreload(a, keys), [], 'all preloaded values are there');

  using load = await RedisLoad.start([a, hosts.b], { keys: 2000 });
  await sleep(500);
  await load.mark();
  a.kill(redis.pid, 'SIGSTOP');
  await sleep(150);
  a.kill(redis.pid, 'SIGCONT');
  await sleep(100);
  const stats = await load.stop();
  t.comment(`${Math.round(stats.acknowledged / stats.seconds)} writes a second`);
  t.ok(stats.longestGapMs >= 150, `a pause of 150 ms is seen as ${stats.longestGapMs.toFixed(1)}`);
  const good = await load.verify();
  t.strictSame(good.problems, []);
  t.ok(good.checked > 100 && good.checked <= 8000, `${good.checked} writes looked at`);

  const client = await RespClient.connect(a.ip, redisPort);
  await client.command('DEL', 'w:1:1');
  await client.command('SET', 'p:5', 'wrong');
  client.close();
  t.match((await load.verify()).problems, ['w:1:1: expected write'], 'a lost write is found');
  t.strictSame(await checkPreload(a, keys), ['p:5 is not what was written']);
});

await t.test('the writer of redis goes on at the other address', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const redis = await startRedis(hosts.a);
  using load = await RedisLoad.start([hosts.a, hosts.b]);
  await sleep(300);
  const before = await load.stats();
  hosts.a.kill(redis.pid);
  await startRedis(hosts.b);
  await sleep(500);
  const after = await load.stop();
  t.ok(after.acknowledged > before.acknowledged, 'writes are acknowledged by the other one');
  t.ok(after.reconnects >= 4);
  t.ok((await load.verify()).problems.length > 0, 'what only the first one had is missed');
});

await t.test('node, python3 and bash are content when they are left alone', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 1 });
  const { a } = hosts;
  for (const start of [startNode, startPython, startPipeline]) {
    const program = await start(a);
    await sleep(500);
    t.strictSame(await program.check(a), [], start.name);
    const before = await program.progress(a);
    await sleep(300);
    t.ok((await program.progress(a)) > before, 'it goes on');
    t.strictSame(await program.end(a), [], 'it ends well');
  }
  t.strictSame(await a.lastingLeftovers(), []);
});

await t.test('nginx answers under load and takes a new configuration', { skip: skipWeb }, async (t) => {
  await using hosts = await makeHosts({ count: 1 });
  const { a } = hosts;
  const nginx = await startNginx(a);
  const load = new WebLoad([a], nginxPort, '/', (body) => body === nginx.page);
  const heavy = await wrk(a, nginxPort, 1);
  t.match(heavy, /Requests\/sec/);
  t.notMatch(heavy, /Non-2xx/);
  const stats = await load.stop();
  t.ok(stats.answers > 10);
  t.strictSame(stats.wrong, []);
  nginx.configure('second');
  a.kill(nginx.pid, 'SIGHUP');
  await until('the new configuration', async () => (await get(a, nginxPort, '/version')) === 'second');
  a.kill(nginx.pid, 'SIGQUIT');
  await a.waitGone(nginx.pid);
  t.strictSame(await a.lastingLeftovers(), []);
});
