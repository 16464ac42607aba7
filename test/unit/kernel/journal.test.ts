// The journal: what was reached, readable by whoever comes later, also when the writer died in the middle of a line.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bootId } from '../../../src/kernel/boot-id.ts';
import { appendHistory, historyPath, Journal, readJournal } from '../../../src/kernel/journal.ts';
import { listMigrations, migrationDir } from '../../../src/kernel/run-dir.ts';

const root = mkdtempSync(join(tmpdir(), 'godwit-journal-'));
t.after(() => {
  rmSync(root, { recursive: true });
});

t.test('records come back in order, with both boot IDs', (t) => {
  using journal = Journal.open(root, 'm1', 'source');
  journal.write('OPEN', { rootPid: 7 });
  journal.peerBootId = 'peer-boot';
  journal.write('FENCED');
  const [first, second] = readJournal(root);
  t.match(first, { id: 'm1', role: 'source', state: 'OPEN', rootPid: 7, bootId: bootId() });
  t.notOk(first?.peerBootId);
  t.match(second, { state: 'FENCED', peerBootId: 'peer-boot' });
  t.ok(Math.abs((second?.at ?? 0) - Date.now()) < 60_000, 'in milliseconds of real time');
  t.end();
});

t.test('what a caller adds cannot replace what the journal says itself', (t) => {
  const dir = join(root, 'fixed');
  mkdirSync(dir);
  using journal = Journal.open(dir, 'm2', 'target');
  journal.write('STAGING', { id: 'other', state: 'RUNNING' });
  t.match(readJournal(dir), [{ id: 'm2', state: 'STAGING' }]);
  t.end();
});

t.test('a line that was cut off, or is none, is left out', (t) => {
  const dir = join(root, 'cut');
  mkdirSync(dir);
  using journal = Journal.open(dir, 'm3', 'source');
  journal.write('OPEN');
  appendFileSync(join(dir, 'journal'), '{"at":1,"id":"m3"}\n[]\n{"at":17,"id":"m3","ro');
  t.equal(readJournal(dir).length, 1);
  t.same(readJournal(join(root, 'absent')), []);
  t.end();
});

t.test('the history takes lines, and its absence stops nothing', (t) => {
  process.env['GODWIT_STATE_DIR'] = join(root, 'state');
  t.ok(appendHistory({ id: 'm4', result: 'moved' }));
  t.ok(appendHistory({ id: 'm5' }));
  const lines = readFileSync(historyPath(), 'utf8').trim().split('\n');
  t.match(JSON.parse(lines[0] ?? ''), { id: 'm4', result: 'moved', at: Number });
  t.equal(lines.length, 2);
  writeFileSync(join(root, 'file'), '');
  process.env['GODWIT_STATE_DIR'] = join(root, 'file/below');
  t.notOk(appendHistory({ id: 'm6' }));
  t.end();
});

t.test('migrations are found by their folders', (t) => {
  const run = join(root, 'run');
  process.env['GODWIT_RUN_DIR'] = run;
  t.same(listMigrations(), []);
  mkdirSync(migrationDir('b', 'target'), { recursive: true });
  mkdirSync(migrationDir('a', 'source'), { recursive: true });
  mkdirSync(migrationDir('a', 'target'), { recursive: true });
  writeFileSync(join(run, 'stray'), '');
  t.same(
    listMigrations().map(({ id, role }) => `${id} ${role}`),
    ['a source', 'a target', 'b target'],
  );
  for (const id of ['', '..', 'a/b', '-x', 'x'.repeat(65)]) {
    t.throws(() => migrationDir(id, 'source'), { code: 'USAGE' }, `"${id}" is no ID`);
  }
  t.end();
});
