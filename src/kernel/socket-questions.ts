// getsockopt(2) as part of a program.
import type { Argument, Data, Program, Result } from './program.ts';

export interface Question {
  readonly result: Result;
  readonly value: Data;
  readonly length: Data;
}

/** `room`: how long it is, or what the kernel reads there before it answers. */
export function ask(
  program: Program,
  fd: Argument,
  level: number,
  option: number,
  room: number | Uint8Array,
): Question {
  const value = typeof room === 'number' ? program.room(room) : program.bytes(room);
  const size = program.bytes(sizeWord(value.length));
  return { result: program.attempt('getsockopt', fd, level, option, value, size), value, length: size };
}

const sizeWords = new Map<number, Uint8Array>();

/** What the kernel reads of a length that it is going to change. */
function sizeWord(length: number): Uint8Array {
  let word = sizeWords.get(length);
  if (word === undefined) sizeWords.set(length, (word = new Uint8Array(Uint32Array.of(length).buffer)));
  return word;
}
