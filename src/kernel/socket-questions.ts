// getsockopt(2) as part of a program.
import type { Argument, Data, Program, Result } from './program.ts';

export interface Question {
  readonly result: Result;
  readonly value: Data;
  readonly length: Data;
}

export function ask(program: Program, fd: Argument, level: number, option: number, length: number): Question {
  const value = program.room(length);
  const size = program.bytes(new Uint8Array(Uint32Array.of(length).buffer));
  return { result: program.attempt('getsockopt', fd, level, option, value, size), value, length: size };
}
