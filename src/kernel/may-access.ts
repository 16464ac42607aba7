// faccessat2(2) with AT_EACCESS (Linux 5.8): access(2) counts without the capabilities of whoever is not root.
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

const atFdcwd = -100;
const effectiveAccess = 0x200;

/** `mode`: R_OK, W_OK, X_OK. Opens nothing. 0 or a negative errno. */
export function mayAccess(path: string, mode: number): number {
  const program = new Program();
  const result = program.attempt('faccessat2', atFdcwd, program.cstring(path), mode, effectiveAccess);
  return runLocal(program).number(result);
}
