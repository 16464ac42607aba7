import { writeFileSync } from 'node:fs';
import t from 'tap';
import { GodwitError } from '../../../src/errors.ts';
import { runLocal } from '../../../src/kernel/local-program.ts';
import { errnoName, isError, Program } from '../../../src/kernel/program.ts';

void t.test('a result feeds a later call, and data comes back', (t) => {
  const path = t.testdir({ file: 'godwit flies' });
  const program = new Program();
  const fd = program.call('openat', -100, program.cstring(`${path}/file`), 0);
  const text = program.room(12);
  const length = program.call('read', fd, text, 12);
  program.call('close', fd);
  const outcome = runLocal(program);
  t.equal(outcome.number(length), 12);
  t.equal(Buffer.from(outcome.bytes(text)).toString(), 'godwit flies');
  t.end();
});

void t.test('a call that must succeed ends the program where it fails', (t) => {
  const path = t.testdir({ file: '' });
  const program = new Program();
  program.call('openat', -100, program.cstring(`${path}/missing`), 0);
  program.call('unlink', program.cstring(`${path}/file`));
  t.throws(() => runLocal(program), {
    code: 'REMOTE_CALL',
    message: /openat\(-100, data 0, 0\) failed with ENOENT/,
  });
  t.doesNotThrow(() => {
    writeFileSync(`${path}/file`, 'still there', { flag: 'r+' });
  });
  t.end();
});

void t.test('a call that may fail leaves its errno and lets the program go on', (t) => {
  const program = new Program();
  const closed = program.attempt('close', 1_000_000);
  const pid = program.call('getpid');
  const outcome = runLocal(program);
  t.equal(errnoName(outcome.number(closed)), 'EBADF');
  t.equal(outcome.number(pid), process.pid);
  t.end();
});

void t.test('results at the top of the address range are no errors', (t) => {
  t.ok(isError(-1n));
  t.ok(isError(-4095n));
  t.notOk(isError(-4096n));
  t.notOk(isError(0n));
  t.end();
});

void t.test('a program that does not fit is refused', (t) => {
  const program = new Program();
  program.call('getpid');
  t.throws(() => {
    program.encode(new Uint8Array(63));
  }, GodwitError);
  t.end();
});

void t.test('words keep negative numbers and all 64 bits', (t) => {
  const program = new Program();
  const words = program.words(-1, 0xffff_ffff_ffff_fffen, 7);
  program.call('getpid');
  t.same([...runLocal(program).words(words)], [0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_fffen, 7n]);
  t.end();
});
