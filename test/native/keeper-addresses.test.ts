// An address that an agent has taken off its host before it died: the keeper gives it back, with the routes that went with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { mustRun, until } from '../helpers/commands.ts';
import { KilledAgent } from '../helpers/keeper-agent.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);

t.test('an address that was taken off comes back when the agent dies', { skip }, async (t) => {
  const id = newId();
  const agent = new KilledAgent({ ownNetwork: true });
  t.teardown(() => agent.kill());
  await agent.do('start', { role: 'source', id });
  // The namespace stays when agent and keeper have gone.
  const holder = spawn('nsenter', ['-t', String(agent.pid), '-n', 'sleep', '60'], { stdio: 'ignore' });
  t.teardown(async () => {
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  });
  const ip = async (...args: string[]): Promise<string> =>
    mustRun('nsenter', ['-t', String(holder.pid), '-n', 'ip', ...args]);
  await until('the holder is there', async () => (await ip('-br', 'link')).startsWith('lo'));
  await ip('link', 'add', 'd0', 'type', 'veth', 'peer', 'name', 'd1');
  await ip('link', 'set', 'd1', 'up');
  await ip('link', 'set', 'd0', 'up');
  await ip('addr', 'add', '10.9.0.1/24', 'dev', 'd0');
  await ip('addr', 'add', '10.9.0.5/24', 'brd', '10.9.0.255', 'dev', 'd0', 'label', 'd0:web');
  await ip('addr', 'add', '10.8.0.5/32', 'dev', 'd0');
  await ip('route', 'add', '10.7.0.0/16', 'via', '10.9.0.2', 'src', '10.9.0.5');
  // Another interface loses its only address, and with it all routes, one of which needs the other.
  await ip('addr', 'add', '10.6.0.5/32', 'dev', 'd1', 'metric', '7');
  await ip('route', 'add', '10.6.0.1/32', 'dev', 'd1', 'scope', 'link');
  await ip('route', 'add', '10.5.0.0/16', 'via', '10.6.0.1', 'dev', 'd1');
  const six = await ip('-6', 'addr', 'add', 'fd9::5/64', 'dev', 'd0', 'nodad').then(
    () => ['fd9::5'],
    () => [],
  );
  // It stays, without its source.
  if (six.length > 0)
    await ip('-6', 'route', 'add', 'fd8::/64', 'via', 'fd9::9', 'dev', 'd0', 'src', 'fd9::5');
  const state = async (): Promise<string[]> =>
    [
      await ip('addr', 'show', 'd0'),
      await ip('addr', 'show', 'd1'),
      await ip('route'),
      await ip('-6', 'route'),
    ].map((text) => text.replaceAll(/^\d+: /gm, ''));
  const before = await state();
  const moving = ['10.9.0.5', '10.8.0.5', '10.6.0.5', ...six];
  await agent.do('takeOff', moving);
  const gone = await ip('-br', 'addr');
  for (const address of moving) t.notMatch(gone, `${address}/`, `${address} is gone`);
  t.match(gone, '10.9.0.1/', 'another one stays');
  const routes = await ip('route');
  for (const network of ['10.7.0.0', '10.6.0.1', '10.5.0.0']) t.notMatch(routes, network);
  await agent.kill();
  await until('they are back', async () => {
    const there = await ip('-br', 'addr');
    return moving.every((address) => there.includes(`${address}/`));
  });
  await nothingLeft(id);
  t.same(await state(), before, 'labels, broadcast addresses and routes too');
});
