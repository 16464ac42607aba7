// What waits in a pseudoterminal: the keeper looks at it without losing it, and another terminal is filled with it.
import { closeSync, fchmodSync, readSync, writeSync } from 'node:fs';
import t from 'tap';
import { Keeper } from '../../src/kernel/keeper.ts';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import { decodeQueues, encodeQueues } from '../../src/kernel/terminal-queues.ts';
import { askTerminal, openPeer, tty } from '../../src/kernel/terminals.ts';
import { native } from '../../src/native.ts';
import { openExactly } from '../../src/target/resources/local-files.ts';
import { Terminals } from '../../src/target/terminals.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);

const name = (number: number) => ({ ptmx: '/dev/ptmx', devpts: '/dev/pts', number });
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A free number: what the kernel would give. */
function freeNumber(): number {
  const fd = openExactly('/dev/ptmx', 2, 0o400);
  const number = askTerminal(fd, tty.getNumber);
  closeSync(fd);
  return number;
}

function termios(master: number): Uint8Array {
  const program = new Program();
  const value = program.room(44);
  program.call('ioctl', master, tty.tcgets2, value);
  return runLocal(program).bytes(value).slice();
}

t.test('what waits is seen, stays, and is put into another terminal', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  const terminals = new Terminals();
  const first = freeNumber();
  const [one, other] = [terminals.claim(name(first + 3)), terminals.claim(name(first + 5))];
  t.equal(askTerminal(one.master, tty.getNumber), first + 3, 'a number that is not the lowest');
  writeSync(one.master, 'line\nend\u0004\u0004un\u0016\u0003done');
  writeSync(one.slave, 'said');
  const before = termios(one.master);
  const seen = keeper.terminalQueues(one.master);
  t.same(seen.lines.map(text), ['line\n', 'end', ''], 'lines, and ends of file');
  t.equal(text(seen.rest), 'un\u0003done', 'the unfinished line');
  t.equal(text(seen.output).replace('said', ''), 'line\r\nendun^\b^Cdone', 'echoes, among which comes');
  t.match(text(seen.output), /said/, 'the output');
  t.same(keeper.terminalQueues(one.master), seen, 'it is there still');
  t.same(termios(one.master), before, 'settings are as before');
  t.same(decodeQueues(encodeQueues(seen)), seen, 'the layout loses nothing');
  t.equal(native.fillTerminal(other.master, before, encodeQueues(seen)), 0);
  t.same(keeper.terminalQueues(other.master), seen, 'another terminal holds the same');
  t.equal(native.fillTerminal(other.master, before, new Uint8Array(7)), -22, 'bad input is refused');
  terminals.close();
  await keeper.abort();
  await keeper.close();
  t.ok(await nothingLeft(id));
});

t.test('what the way of a full terminal holds stays, too', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  const terminals = new Terminals();
  const pair = terminals.claim(name(freeNumber()));
  const raw = termios(pair.master);
  raw.fill(0, 0, 16);
  raw.set([0xbf, 0, 0, 0], 8); // c_cflag: CS8, CREAD, B38400
  const nothing = { stop: 'no', lines: [], rest: new Uint8Array(), excess: new Uint8Array() } as const;
  const output = new Uint8Array(16_000).map((_, i) => i * 7);
  t.equal(native.fillTerminal(pair.master, raw, encodeQueues({ ...nothing, lines: [], output })), 0);
  t.same(keeper.terminalQueues(pair.master).output, output);
  const got = Buffer.alloc(20_000);
  let length = 0;
  while (length < output.length) length += readSync(pair.master, got, length, got.length - length, null);
  t.same(new Uint8Array(got.subarray(0, length)), output);
  terminals.close();
  await keeper.abort();
  await keeper.close();
  t.ok(await nothingLeft(id));
});

t.test('a number that is in use is refused by name', { skip }, (t) => {
  const terminals = new Terminals();
  const number = freeNumber();
  const taken = openExactly('/dev/ptmx', 2, 0o400);
  t.throws(() => terminals.claim(name(number)), {
    code: 'REFUSED',
    message: `/dev/pts/${number} cannot be made`,
  });
  closeSync(taken);
  const pair = terminals.claim(name(number));
  const peer = openPeer(pair.master);
  fchmodSync(peer, 0o640);
  closeSync(peer);
  terminals.close();
  t.end();
});
