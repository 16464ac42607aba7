// Files that the tree only reads: the same content on the target is demanded, or less, as told (--file-policy).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(120_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:python3');

const reader = `
import sys, time
f = open(sys.argv[1]); print('ready', flush=True)
while True:
    f.seek(0); print('read', f.read().strip(), flush=True); time.sleep(0.02)
`;

await t.test('what the file of that name must have in common', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await Promise.all([a.receive(), b.receive()]);
  const at = (name: string): string => join(a.scratch, name);
  const [file, program, longer, other] = [at('data'), at('reader.py'), at('longer'), at('other')];
  for (const [path, content] of [
    [program, reader],
    [file, 'here\n'],
    [longer, 'and more\n'],
    [other, 'else\n'],
  ] as const)
    writeFileSync(path, content);
  const tree = await a.spawn('python3', [program, file], { name: 'reader' });
  await until('it reads', () => tree.log().includes('read here'));
  const move = async (policy: string): ReturnType<typeof a.migrate> =>
    a.migrate(tree.pid, b, { args: ['--file-policy', policy] });

  t.equal((await move('sometimes')).code, 2, 'a policy that there is not');
  await b.run('mount', ['--bind', longer, file]);
  for (const policy of ['content', 'size']) {
    const refused = await move(policy);
    t.equal(refused.code, 3, `${policy}: ${explain(refused, b)}`);
    t.match(refused.stdout, /it has 9 bytes instead of 5/);
  }
  const there = await move('name');
  t.equal(there.code, 0, explain(there, b));
  await until('it reads what is there', () => tree.log().endsWith('read and more\n'));
  const back = await b.migrate(tree.pid, a, { args: ['--file-policy', 'name'] });
  t.equal(back.code, 0, explain(back, a));
  await until('it reads what was here', () => tree.log().endsWith('read here\n'));

  await until('nobody has the other one open', async () => (await b.run('umount', [file])).code === 0);
  await b.run('mount', ['--bind', other, file]);
  t.match((await move('content')).stdout, /its content differs/);
  const moved = await move('size');
  t.equal(moved.code, 0, explain(moved, b));
  await until('it reads what is there now', () => tree.log().endsWith('read else\n'));
  t.equal(tree.errors(), '');
});
