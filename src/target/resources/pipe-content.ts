// What was in a pipe is written into it again, packet by packet where it was made of packets.
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';

const fionread = 0x541b;
const getFlags = 3;
const setFlags = 4;
const direct = 0o40000;

/** Preconditions: `writer` does not block. @throws GodwitError LIMIT */
export function fillPipe(writer: number, content: ResourceImage<'pipe'> | undefined): void {
  const data = content?.data;
  if (data === undefined || data.length === 0) return;
  const lengths = content?.packets ?? [data.length];
  const program = new Program();
  const flags = program.call('fcntl', writer, getFlags, 0);
  if (content?.packets !== undefined) program.call('fcntl', writer, setFlags, direct | nonblockOnly);
  let at = 0;
  const writes = lengths.map((length) => {
    const chunk = program.bytes(data.subarray(at, at + length));
    at += length;
    return { length, result: program.attempt('write', writer, chunk, length) };
  });
  program.call('fcntl', writer, setFlags, flags);
  const outcome = runLocal(program);
  for (const { length, result } of writes) {
    const got = outcome.number(result);
    if (got === length) continue;
    const why = got < 0 ? errnoName(got) : `only ${got} fit`;
    throw new GodwitError(
      'LIMIT',
      `the ${data.length} bytes of pipe ${content?.pipe ?? 0n} cannot be written: ${why}`,
    );
  }
}

const nonblockOnly = 0o4000;

/** Whether a pipe has as much in it as was read on the source; nothing counts when there was nothing. */
export function pipeHolds(fd: number, data: Uint8Array | undefined): boolean {
  const program = new Program();
  const queued = program.room(4);
  program.call('ioctl', fd, fionread, queued);
  const length = runLocal(program).view(queued).getUint32(0, true);
  return data !== undefined && length === data.length;
}
