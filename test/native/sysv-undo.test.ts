// What a process is to undo in semaphores is found out by operations that fail, and given to another one. Here the process is this one.
import t from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import { addUndo, attemptSemop, readSemaphores, readUndo, touch } from '../../src/kernel/sysv-semaphores.ts';
import { readSysv } from '../../src/kernel/proc/sysvipc.ts';

const undo = 0o10000;
const setValue = 16;
const run = (program: Program): ReturnType<typeof runLocal> => runLocal(program);

function makeSet(values: readonly number[]): number {
  const make = new Program();
  const made = make.call('semget', 0, values.length, 0o600);
  const id = run(make).number(made);
  const set = new Program();
  for (const [number, value] of values.entries()) set.call('semctl', id, number, setValue, value);
  run(set);
  return id;
}

function remove(id: number): void {
  const program = new Program();
  program.call('semctl', id, 0, 0, 0);
  run(program);
}

/** By semop(2) alone, in steps that a short fits; the value goes where it goes. */
function adjustTo(id: number, number: number, adjust: number): void {
  const program = new Program();
  for (let rest = adjust; rest !== 0;) {
    const by = Math.max(-32_767, Math.min(32_767, rest));
    attemptSemop(
      program,
      id,
      by > 0
        ? [
            [number, by, 0],
            [number, -by, undo],
          ]
        : [
            [number, -by, undo],
            [number, by, 0],
          ],
    );
    rest -= by;
  }
  run(program);
}

const adjusts = [-32_768, -32_767, -16_384, -2, -1, 0, 1, 2, 300, 16_383, 32_766, 32_767];

t.test('undo values are read and nothing changes', (t) => {
  const id = makeSet(adjusts.map(() => 0));
  t.teardown(() => {
    remove(id);
  });
  for (const [number, adjust] of adjusts.entries()) adjustTo(id, number, adjust);
  const before = readSemaphores(id, adjusts.length);
  const row = readSysv('sem').find((one) => one.id === id);
  t.same(
    readUndo(
      id,
      (before ?? []).map(({ value }) => value),
      run,
    ),
    adjusts,
  );
  t.same(readSemaphores(id, adjusts.length), before);
  t.same(
    readSysv('sem').find((one) => one.id === id),
    row,
    'nor when it was used',
  );
  t.end();
});

t.test('at every value', (t) => {
  const values = [0, 1, 2, 100, 16_384, 32_766, 32_767];
  const id = makeSet(values);
  t.teardown(() => {
    remove(id);
  });
  for (const adjust of [-32_768, -5, 5, 32_767]) {
    const clean = new Program();
    for (const [number, value] of values.entries()) clean.call('semctl', id, number, setValue, value); // forgets what was to be undone
    for (const [number, value] of values.entries()) addUndo(clean, id, number, value, adjust);
    run(clean);
    t.same(
      readSemaphores(id, values.length)?.map(({ value }) => value),
      values,
      'values stay',
    );
    t.same(
      readUndo(id, values, run),
      values.map(() => adjust),
    );
  }
  t.end();
});

t.test('many semaphores, and who touched them', (t) => {
  const count = 1200;
  const id = makeSet(Array.from({ length: count }, (_, i) => i));
  t.teardown(() => {
    remove(id);
  });
  const program = new Program();
  touch(program, id, 0, 0);
  touch(program, id, 1, 1);
  run(program);
  adjustTo(id, 1100, 7);
  const read = readSemaphores(id, count) ?? [];
  t.equal(read[0]?.pid, process.pid);
  t.same(
    read.map(({ value }) => value),
    Array.from({ length: count }, (_, i) => i),
  );
  const found = readUndo(
    id,
    read.map(({ value }) => value),
    run,
  );
  t.equal(found.length, count);
  t.same(
    found.flatMap((adjust, number) => (adjust === 0 ? [] : [[number, adjust]])),
    [[1100, 7]],
  );
  t.equal(readSemaphores(id + 1, 1), undefined);
  t.end();
});
