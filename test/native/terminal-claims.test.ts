// A terminal is made with its number, and who stands in the way is named.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import t from 'tap';
import { askTerminal, tty } from '../../src/kernel/terminals.ts';
import { openExactly } from '../../src/target/resources/local-files.ts';
import { Terminals } from '../../src/target/terminals.ts';

const readWriteNoctty = 2 | 0o400;
const name = (number: number) => ({ ptmx: '/dev/ptmx', devpts: '/dev/pts', number });
const first = openExactly('/dev/ptmx', readWriteNoctty);
const skip = first < 0 ? 'no /dev/ptmx here' : false;
t.teardown(() => {
  closeSync(first);
});

t.test('lower numbers are held only until the wanted one comes', { skip }, (t) => {
  const wanted = askTerminal(first, tty.getNumber) + 5;
  const terminals = new Terminals();
  const { master } = terminals.claim(name(wanted));
  t.equal(askTerminal(master, tty.getNumber), wanted);
  const next = openExactly('/dev/ptmx', readWriteNoctty);
  t.ok(askTerminal(next, tty.getNumber) < wanted, 'those below are free again');
  closeSync(next);
  terminals.close();
  t.end();
});

t.test('who has the number is named', { skip }, async (t) => {
  const holder = spawn('python3', [
    '-c',
    'import os, sys; m, s = os.openpty(); print(os.ttyname(s), flush=True); sys.stdin.read()',
  ]);
  t.teardown(() => {
    holder.kill('SIGKILL');
  });
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  const taken = Number(/\d+$/.exec(said.toString().trim())?.[0]);
  const terminals = new Terminals();
  t.throws(() => terminals.claim(name(taken)), {
    code: 'REFUSED',
    message: `terminal /dev/pts/${taken} cannot be made on the target: process ${holder.pid ?? 0} (python3) has that number`,
  });
  const gone = once(holder, 'exit');
  holder.stdin.end();
  await gone;
  t.doesNotThrow(() => terminals.claim(name(taken)), 'it is free again');
  terminals.close();
});
