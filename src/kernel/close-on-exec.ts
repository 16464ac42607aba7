// Descriptors that whoever started this agent had open are nothing for the programs that it starts. Node sees to those below 16, and to
// the first ones above without a gap (uv_disable_stdio_inheritance); a shell's own are often higher.
import { readdirSync } from 'node:fs';
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

const setDescriptorFlags = 2; // F_SETFD
const closeOnExec = 1; // FD_CLOEXEC

/** From now on programs that are started get what they are given, and nothing else. */
export function keepDescriptors(): void {
  const program = new Program();
  for (const name of readdirSync('/proc/self/fd'))
    if (Number(name) > 2) program.attempt('fcntl', Number(name), setDescriptorFlags, closeOnExec);
  runLocal(program);
}

/** Output and input go on to the program that this process becomes: Node would close them (uv_disable_stdio_inheritance). */
export function keepStandardStreams(): void {
  const program = new Program();
  for (const fd of [0, 1, 2]) program.attempt('fcntl', fd, setDescriptorFlags, 0);
  runLocal(program);
}
