// A live redis goes there and back while it is written to; its clients reconnect, and every acknowledged write is there.
// GODWIT_REDIS_MIB sets its size (64), GODWIT_ROUNDS how often it goes.
import t from 'tap';
import { sleep } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs, thereAndBack } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { checkPreload, preload, RedisLoad, startRedis } from './redis.ts';

const mib = Number(process.env['GODWIT_REDIS_MIB'] ?? 64);
t.setTimeout(roundsTimeoutMs);
const skip = await unless('hosts', 'godwit', 'command:redis-server');

await t.test(`redis with ${mib} MiB keeps every acknowledged write`, { skip }, async (t) => {
  await using hosts = await makeHosts();
  const redis = await startRedis(hosts.a);
  const keys = await preload(hosts.a, mib);
  using load = await RedisLoad.start(hosts.all, { keys: 10_000 });
  await sleep(500);
  const before = await load.mark();
  t.comment(
    `${Math.round(before.acknowledged / before.seconds)} writes a second, longest gap ${before.longestGapMs.toFixed(1)} ms`,
  );

  const at = await thereAndBack(
    t,
    hosts,
    redis.pid,
    async () => {
      await sleep(500);
      t.comment(`the writer saw a pause of ${(await load.mark()).longestGapMs.toFixed(1)} ms`);
    },
    ['--tcp-close'],
  );

  const after = await load.stop();
  t.ok(after.acknowledged > before.acknowledged, 'writes went on');
  const verdict = await load.verify();
  t.strictSame(verdict.problems, [], `all ${verdict.checked} acknowledged writes are there`);
  t.strictSame(await checkPreload(at, keys), [], 'so is what was there before');
  t.ok(at.kill(redis.pid, 'SIGTERM'));
  await at.waitGone(redis.pid);
});
