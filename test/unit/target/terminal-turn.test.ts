// Who takes numbers of terminals waits for who does so already, and takes the turn over when that one is gone.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { inTurn } from '../../../src/target/terminal-turn.ts';
import { until } from '../../helpers/commands.ts';

const directory = mkdtempSync(join(tmpdir(), 'godwit-turn-'));
const file = (name: string): string => join(directory, name);
t.teardown(() => {
  rmSync(directory, { recursive: true });
});

t.test('a turn begins when the one before is over', async (t) => {
  const other = spawn('flock', [directory, 'sh', '-c', 'touch $0/has; sleep 0.2; touch $0/done', directory]);
  await until('the other has its turn', () => existsSync(file('has')), 5000, 1);
  t.equal(existsSync(file('done')), false);
  t.equal(
    inTurn(directory, () => existsSync(file('done'))),
    true,
  );
  other.kill();
});

t.test('what fails gives its turn up', (t) => {
  const failing = (): never => {
    throw new Error('no number is free');
  };
  t.throws(() => inTurn(directory, failing), /no number is free/);
  t.equal(
    inTurn(directory, () => 7),
    7,
  );
  t.end();
});

t.test('a target without such a place refuses', (t) => {
  t.throws(() => inTurn(file('nothing-here'), () => 0), { code: 'REFUSED', message: /nothing-here/ });
  t.end();
});
