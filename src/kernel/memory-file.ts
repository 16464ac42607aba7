// memfd_create(2): files without a name, for what is too long for a message.
import { writeSync } from 'node:fs';
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

const mfdCloexec = 1;

/** A descriptor of a new one that holds the parts, one behind the other. @throws GodwitError REMOTE_CALL */
export function memoryFile(name: string, ...parts: readonly Uint8Array[]): number {
  const program = new Program();
  const made = program.call('memfd_create', program.cstring(name), mfdCloexec);
  const fd = runLocal(program, 'memory file').number(made);
  for (const part of parts) for (let at = 0; at < part.length;) at += writeSync(fd, part, at);
  return fd;
}
