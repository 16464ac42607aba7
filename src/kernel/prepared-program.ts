// A program that runs often in the agent with nothing but one descriptor changing: laid out once, then copied.
import { native } from '../native.ts';
import { Program, type Outcome, type Result } from './program.ts';

export class PreparedProgram {
  readonly #program: Program;
  readonly #template: Uint8Array<ArrayBuffer>;

  /** `build` adds the calls; the descriptor is the result that it is given. */
  constructor(build: (program: Program, fd: Result) => void) {
    const program = new Program();
    const copy = program.call('dup', 0);
    build(program, copy);
    program.attempt('close', copy);
    this.#program = program;
    this.#template = new Uint8Array(program.size);
    program.encode(this.#template);
  }

  run(fd: number, where = 'agent'): Outcome {
    const memory = this.#template.slice();
    // The first argument of the first operation (program.ts): what dup(2) copies.
    new DataView(memory.buffer).setBigInt64(8, BigInt(fd), true);
    native.runLocal(memory, this.#program.length);
    return this.#program.outcome(memory, where, true);
  }
}
