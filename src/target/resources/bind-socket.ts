// bind(2) of the agent's sockets.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';

/** 0 or negative errno. */
export function bindSocket(fd: number, address: Uint8Array): number {
  const program = new Program();
  const result = program.attempt('bind', fd, program.bytes(address), address.length);
  return runLocal(program).number(result);
}
