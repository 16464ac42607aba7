// nginx, master and workers, goes there and back under wrk; it answers afterwards, and a reload by SIGHUP still works.
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs, thereAndBack } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { nginxPort, startNginx } from './nginx.ts';
import { get, WebLoad, wrk } from './web.ts';

t.setTimeout(roundsTimeoutMs);
const skip = await unless('hosts', 'godwit', 'command:nginx', 'command:wrk');

await t.test('nginx serves on the other host, and reloads there', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const nginx = await startNginx(hosts.a);
  const load = new WebLoad(hosts.all, nginxPort, '/', (body) => body === nginx.page);
  let heavy = wrk(hosts.a, nginxPort, 3);
  await sleep(500);
  let version = 0;

  const at = await thereAndBack(
    t,
    hosts,
    nginx.pid,
    async (host) => {
      await heavy;
      t.equal(await get(host, nginxPort), nginx.page, 'the page is right');
      nginx.configure(`version ${++version}`);
      t.ok(host.kill(nginx.pid, 'SIGHUP'));
      await until(
        'the reload',
        async () => (await get(host, nginxPort, '/version')) === `version ${version}`,
      );
      t.pass('a reload by SIGHUP works');
      heavy = wrk(host, nginxPort, 3);
      await sleep(300);
    },
    ['--tcp-close'],
  );

  await heavy;
  const stats = await load.stop();
  t.strictSame(stats.wrong, [], `all ${stats.answers} answers were right`);
  t.comment(`longest time without an answer ${stats.longestGapMs.toFixed(1)} ms`);
  t.ok(at.kill(nginx.pid, 'SIGQUIT'));
  await at.waitGone(nginx.pid);
});
