// Runs a program in the agent itself: the way to system calls that Node does not offer.
import { native } from '../native.ts';
import type { Outcome, Program } from './program.ts';

/** Runs synchronously. Preconditions: no call in it blocks. */
export function runLocal(program: Program, where = 'agent'): Outcome {
  const memory = new Uint8Array(program.size);
  program.encode(memory);
  native.runLocal(memory, program.length);
  return program.outcome(memory, where, true);
}
