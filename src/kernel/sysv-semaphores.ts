// System V semaphore sets from outside, and what processes are to undo in them when they end (SEM_UNDO, semop(2)).
//
// No interface tells an undo value (semadj). But it has bounds, and an operation that would pass them fails with ERANGE; operations of one
// semop take effect together or not at all (ipc/sem.c, perform_atomic_semop_slow: those of one semaphore one after the other). So a
// row of them whose last one can never succeed asks without changing anything:
//
//   bring the value to 0, take the undo value to its bound less what is asked for, and in the end wait for what is not so (EAGAIN)
import { runLocal } from './local-program.ts';
import { Program, type Outcome, type Result } from './program.ts';

/** SEMVMX, and SEMAEM, of linux/sem.h. */
const most = 32_767;
const least = -32_768;
const undo = 0o10000;
const nowait = 0o4000;
const getAll = 13;
const getPid = 11;
const erange = -34;

export interface Semaphore {
  readonly value: number;
  /** Who worked with it last, as the agent sees PIDs; 0: nobody whom it can see. */
  readonly pid: number;
}

/** undefined: the set is gone, or not ours to look at. Preconditions: who uses it stands still. */
export function readSemaphores(id: number, count: number): Semaphore[] | undefined {
  const program = new Program();
  const values = program.room(count * 2);
  const result = program.attempt('semctl', id, 0, getAll, values);
  const pids = Array.from({ length: count }, (_, number) => program.attempt('semctl', id, number, getPid, 0));
  const outcome = runLocal(program);
  if (outcome.number(result) < 0) return undefined;
  const view = outcome.view(values);
  return pids.map((pid, number) => ({
    value: view.getUint16(number * 2, true),
    pid: Math.max(0, outcome.number(pid)),
  }));
}

/** struct sembuf: which semaphore, what is added, and flags. */
type Operation = readonly [number: number, change: number, flags: number];

/** Adds a semop(2) that may fail. */
export function attemptSemop(program: Program, id: number, operations: readonly Operation[]): Result {
  return program.attempt('semop', id, program.bytes(encode(operations)), operations.length);
}

function encode(operations: readonly Operation[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(operations.length * 6);
  const view = new DataView(bytes.buffer);
  for (const [i, [number, change, flags]] of operations.entries()) {
    view.setUint16(i * 6, number, true);
    view.setInt16(i * 6 + 2, change, true);
    view.setInt16(i * 6 + 4, flags, true);
  }
  return bytes;
}

/** A change of nothing would wait for zero. */
function change(number: number, by: number, flags: number): Operation[] {
  return by === 0 ? [] : [[number, by, flags | nowait]];
}

/** Fails with ERANGE when the undo value is below `bound` (least + 1 .. 0), else with EAGAIN. */
function asksBelow(number: number, value: number, bound: number): Operation[] {
  const first = Math.min(bound - least, most);
  const second = bound - least - first;
  return [
    ...change(number, -value, 0),
    ...change(number, first, undo),
    ...change(number, -first, 0),
    ...change(number, second, undo),
    ...change(number, -second, 0),
    [number, -1, nowait],
  ];
}

/** Fails with ERANGE when the undo value is above `bound` (0 .. most - 1), else with EAGAIN. */
function asksAbove(number: number, value: number, bound: number): Operation[] {
  const step = most - bound;
  return [...change(number, step - value, 0), ...change(number, -step, undo), [number, -1, nowait]];
}

/** Runs a program in the process whose undo values are asked for. */
export type RunInProcess = (program: Program) => Outcome;

/** What the process is to add to each semaphore when it ends; 0 for most. Changes nothing. Preconditions: as readSemaphores. */
export function readUndo(id: number, values: readonly number[], run: RunInProcess): number[] {
  const found: number[] = [];
  for (let first = 0; first < values.length; first += atOnce)
    found.push(...readSome(id, values.slice(first, first + atOnce), first, run));
  return found;
}

/** What fits into the scratch memory of a process: some 250 bytes each. */
const atOnce = 500;

function readSome(id: number, values: readonly number[], first: number, run: RunInProcess): number[] {
  const program = new Program();
  const asked = values.map((value, i) => [
    attemptSemop(program, id, asksBelow(first + i, value, 0)),
    attemptSemop(program, id, asksAbove(first + i, value, 0)),
  ]);
  const outcome = run(program);
  return asked.map(([below, above], i) => {
    const isOut = (result: Result | undefined): boolean =>
      result !== undefined && outcome.number(result) === erange;
    if (!isOut(below) && !isOut(above)) return 0;
    return search(id, first + i, values[i] ?? 0, isOut(below), run);
  });
}

function search(id: number, number: number, value: number, isNegative: boolean, run: RunInProcess): number {
  const isOut = (operations: Operation[]): boolean => {
    const program = new Program();
    const result = attemptSemop(program, id, operations);
    return run(program).number(result) === erange;
  };
  // The value lies in [low, high].
  let [low, high] = isNegative ? [least, -1] : [1, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isNegative ? isOut(asksBelow(number, value, middle + 1)) : !isOut(asksAbove(number, value, middle)))
      high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Gives the process that runs it an undo value for a semaphore, whose value stays. Preconditions: it has none so far. */
export function addUndo(program: Program, id: number, number: number, value: number, adjust: number): Result {
  const [up, down] = adjust > 0 ? [0, undo] : [undo, 0];
  const first = Math.min(Math.abs(adjust), most);
  const steps = [first, Math.abs(adjust) - first];
  const operations = [
    ...change(number, -value, 0),
    ...steps.flatMap((by) => [...change(number, by, up), ...change(number, -by, down)]),
    ...change(number, value, 0),
  ];
  return program.call('semop', id, program.bytes(encode(operations)), operations.length);
}

/** Has the kernel note down who runs it as the one who worked with a semaphore last. */
export function touch(program: Program, id: number, number: number, value: number): Result {
  const by = value === most ? -1 : 1;
  return program.call(
    'semop',
    id,
    program.bytes(encode([...change(number, by, 0), ...change(number, -by, 0)])),
    2,
  );
}
