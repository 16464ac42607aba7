// `npm run demo`: a live redis moves to another host and back while a client writes to it. The hosts are namespaces of this
// machine; the client counts its own pause and reads every acknowledged write back at the end.
// Options: --mib N (data in redis, 256), --workload (the bundled workload instead of redis).
import { parseArgs } from 'node:util';
import { hasCommand, sleep } from '../test/helpers/commands.ts';
import { judge, readBeats } from '../test/helpers/heartbeat.ts';
import { godwitPath } from '../test/helpers/godwit-path.ts';
import { canMakeHosts } from '../test/helpers/can-make-hosts.ts';
import type { Host } from '../test/helpers/host.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import type { Hosts } from '../test/helpers/hosts.ts';
import { startWorkload, verdictOf } from '../test/helpers/workloads.ts';
import { checkPreload, preload, RedisLoad, startRedis, usedMemoryMiB } from '../test/programs/redis.ts';

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '256' }, workload: { type: 'boolean', default: false } },
});
const mib = Number(values.mib);

const say = (text: string): void => void process.stdout.write(`\n==> ${text}\n`);
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** Moves a tree with the live display on this terminal. */
async function fly(from: Host, to: Host, pid: number): Promise<void> {
  say(`godwit migrate --pid ${pid} --to ${to.receiver?.address ?? ''}, on host ${from.name}`);
  const args = from.migrateArgs(pid, to, ['--tcp-close']);
  const { code } = await from.start(process.execPath, args, { inherit: true }).ended;
  if (code !== 0) {
    const receive = to.receiver?.spawned;
    throw new Error(
      `migrate ended with ${String(code)}; receive said:\n${receive?.log() ?? ''}${receive?.errors() ?? ''}`,
    );
  }
}

async function flyRedis(hosts: Hosts): Promise<boolean> {
  const { a, b } = hosts;
  const redis = await startRedis(a);
  const keys = await preload(a, mib);
  say(`redis-server runs on host a as process ${redis.pid}, with ${Math.round(await usedMemoryMiB(a))} MiB`);
  using load = await RedisLoad.start(hosts.all);
  await sleep(2000);
  const calm = await load.mark();
  say(
    `a client writes: ${Math.round(calm.acknowledged / calm.seconds)} acknowledged writes a second, longest gap ${ms(calm.longestGapMs)}`,
  );

  const pauses: number[] = [];
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    await load.mark();
    await fly(from, to, redis.pid);
    await sleep(1000);
    const seen = await load.mark();
    pauses.push(seen.longestGapMs);
    say(`redis runs on host ${to.name}; the client saw a pause of ${ms(seen.longestGapMs)}`);
    await sleep(500);
  }

  const total = await load.stop();
  const written = await load.verify();
  const problems = [...written.problems, ...(await checkPreload(a, keys))];
  say(
    `${total.acknowledged} writes were acknowledged; ${written.checked} keys and ${keys} older ones read back`,
  );
  for (const problem of problems) process.stdout.write(`    ${problem}\n`);
  const [there = 0, back = 0] = pauses;
  if (problems.length === 0)
    say(`Every acknowledged write is there. The client's pauses: ${ms(there)} there, ${ms(back)} back.`);
  return problems.length === 0;
}

async function flyWorkload(hosts: Hosts): Promise<boolean> {
  const { a, b } = hosts;
  const counter = await startWorkload(a, 'counter', (directory) => [
    `${directory}/heartbeat`,
    '1000',
    String(Math.min(mib, 64)),
  ]);
  say(
    `the bundled workload runs on host a as process ${counter.pid}: it counts, a beat each millisecond, in a checked memory`,
  );
  await sleep(1000);
  await fly(a, b, counter.pid);
  await sleep(1000);
  await fly(b, a, counter.pid);
  await sleep(1000);
  const verdict = judge(readBeats(`${counter.directory}/heartbeat`));
  const said = await verdictOf(a, counter);
  say(
    `${verdict.beats} beats on ${verdict.nodes.join(', ')}; the longest pause was ${ms(verdict.longestPauseMs)}`,
  );
  for (const problem of verdict.problems) process.stdout.write(`    ${problem}\n`);
  const good = verdict.problems.length === 0 && said === 'ok';
  say(good ? 'No beat is missing or double, and its memory is right.' : `The workload says: ${said}`);
  return good;
}

async function demo(): Promise<boolean> {
  const able = await canMakeHosts();
  if (able !== true) {
    say(`This demo needs root: ${able}. Run it as root, or see docs/operations.md for two real hosts.`);
    return false;
  }
  const redis = !values.workload && (await hasCommand('redis-server')); // scripts/setup.sh has tried to install it
  if (!redis) say('without redis-server: the bundled workload takes its place');
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  say(
    `two hosts: a at ${a.ip}, b at ${b.ip}, with ${godwitPath.split('/').slice(-3).join('/')} receive on each`,
  );
  await a.receive();
  await b.receive();
  const good = redis ? await flyRedis(hosts) : await flyWorkload(hosts);
  say('cleaning up');
  return good;
}

process.exitCode = (await demo()) ? 0 : 1;
