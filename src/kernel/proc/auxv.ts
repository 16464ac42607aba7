// /proc/PID/auxv: the auxiliary vector the process was started with: pairs of 64-bit words [type, value].
import { readProcBytes } from './read-proc.ts';

/** The raw bytes, AT_NULL pair included; undefined when the process is gone (a zombie has none). */
export function readAuxv(pid: number | 'self'): Uint8Array | undefined {
  return readProcBytes(pid, 'auxv');
}

/** The value of an entry (AT_* of elf.h); undefined when it has none. */
export function auxvValue(auxv: Uint8Array, type: number): bigint | undefined {
  const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.byteLength);
  for (let at = 0; at + 16 <= auxv.byteLength; at += 16) {
    if (view.getBigUint64(at, true) === BigInt(type)) return view.getBigUint64(at + 8, true);
  }
  return undefined;
}
