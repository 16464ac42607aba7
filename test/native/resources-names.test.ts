// Names of unix sockets that the target puts aside: the keeper takes them back when the agent cannot.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Keeper } from '../../src/kernel/keeper.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);

t.test('the keeper of a target that gives up puts names back and removes new ones', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'target', id });
  const [name, aside, made] = ['name', 'name.aside', 'made'].map((file) => join(folders.root, file)) as [
    string,
    string,
    string,
  ];
  writeFileSync(name, 'old');
  keeper.undoName({ kind: 'rename', from: aside, to: name });
  renameSync(name, aside);
  writeFileSync(name, 'new');
  keeper.undoName({ kind: 'unlink', path: made });
  writeFileSync(made, 'x');
  keeper.undoName({
    kind: 'rename',
    from: join(folders.root, 'never there'),
    to: join(folders.root, 'nor here'),
  });
  await keeper.abort();
  await keeper.close();
  await nothingLeft(id);
  t.equal(readFileSync(name, 'utf8'), 'old');
  t.notOk(existsSync(aside));
  t.notOk(existsSync(made));
});
