// The owner word: of two who decide exactly one wins, and only steps of the diagram exist.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { OwnerWord } from '../../../src/kernel/owner-word.ts';
import type { Role } from '../../../src/kernel/run-dir.ts';

const root = mkdtempSync(join(tmpdir(), 'godwit-owner-'));
t.after(() => {
  rmSync(root, { recursive: true });
});

function open(role: Role, value: number): OwnerWord {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(value);
  writeFileSync(join(root, 'owner'), bytes);
  return OwnerWord.open(root, role);
}

t.test('the source goes OPEN, FENCED, COMMITTED', (t) => {
  using word = open('source', 1);
  t.equal(word.state, 'OPEN');
  t.ok(word.change('OPEN', 'FENCED'));
  t.ok(word.change('FENCED', 'COMMITTED'));
  t.equal(word.state, 'COMMITTED');
  t.notOk(word.change('FENCED', 'ABORTED'), 'too late');
  t.equal(word.state, 'COMMITTED');
  t.end();
});

t.test('who comes second loses, also through another mapping', (t) => {
  using word = open('source', 2);
  using other = OwnerWord.open(root, 'source');
  t.ok(other.change('FENCED', 'ABORTED'));
  t.notOk(word.change('FENCED', 'COMMITTED'));
  t.equal(word.state, 'ABORTED');
  t.end();
});

t.test('the target goes STAGING, PREPARED', (t) => {
  using word = open('target', 11);
  t.ok(word.change('STAGING', 'PREPARED'));
  t.equal(word.state, 'PREPARED');
  t.ok(word.change('PREPARED', 'ABORTED'));
  t.end();
});

t.test('steps outside of the diagram are bugs', (t) => {
  using source = open('source', 3);
  t.throws(() => source.change('COMMITTED', 'ABORTED'), { code: 'INTERNAL' });
  t.throws(() => source.change('OPEN', 'COMMITTED'), { code: 'INTERNAL' });
  using target = open('target', 12);
  t.throws(() => target.change('PREPARED', 'RUNNING'), { code: 'INTERNAL' }, 'that is for the keeper');
  t.throws(() => target.change('OPEN', 'FENCED'), { code: 'INTERNAL' });
  t.end();
});

t.test('a file that holds no owner word is refused', (t) => {
  using word = open('source', 99);
  t.throws(() => word.state, { code: 'KEEPER' });
  t.throws(() => OwnerWord.open(join(root, 'absent'), 'source'), { code: 'KEEPER' });
  t.end();
});
