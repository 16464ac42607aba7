// Reads what is in a pipe without taking it out: tee(2) into a pipe of our own. Opening /proc/PID/fd/N gives a new read
// end of the same pipe, also of one whose read end is somewhere else.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program, type Data } from '../../kernel/program.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';

const readNonblockCloexec = 0o2004000;
const nonblockCloexec = 0o2004000;
const setPipeSize = 1031;
const getPipeSize = 1032;
const fionread = 0x541b;
const teeNonblock = 2;
const atFdcwd = -100;
const pipeBuf = 4096;
/** Slots of a pipe of 1 MiB, the most that it has without CAP_SYS_RESOURCE. */
const maxPackets = 256;

export interface PipeContent {
  readonly capacity: number;
  readonly data: Uint8Array<ArrayBuffer>;
  /** What single reads returned: packets, when it is made of packets. */
  readonly lengths: number[];
}

/** Preconditions: nobody reads or writes the pipe meanwhile. @throws GodwitError SYSCALL */
export function readPipe(procPath: string, withData: boolean): PipeContent {
  const program = new Program();
  const fd = program.call('openat', atFdcwd, program.cstring(procPath), readNonblockCloexec, 0);
  const capacity = program.call('fcntl', fd, getPipeSize, 0);
  const queued = program.room(4);
  program.call('ioctl', fd, fionread, queued);
  const outcome = runLocal(program, `reading ${procPath}`);
  const source = outcome.number(fd);
  const size = outcome.number(capacity);
  const length = outcome.view(queued).getUint32(0, true);
  try {
    if (!withData || length === 0) return { capacity: size, data: new Uint8Array(), lengths: [] };
    return { capacity: size, ...duplicate(source, size, length, procPath) };
  } finally {
    closeLocal(source);
  }
}

function duplicate(
  source: number,
  capacity: number,
  length: number,
  name: string,
): { data: Uint8Array<ArrayBuffer>; lengths: number[] } {
  const [reader, writer] = ownPipe();
  try {
    const program = new Program();
    program.attempt('fcntl', writer, setPipeSize, capacity);
    const copied = program.call('tee', source, writer, length, teeNonblock);
    const got = runLocal(program, `reading ${name}`).number(copied);
    if (got !== length) {
      throw new GodwitError('LIMIT', `${name} holds ${length} bytes, of which only ${got} could be read`, {
        hint: 'raise /proc/sys/fs/pipe-max-size and pipe-user-pages-soft for the agent',
      });
    }
    return drain(reader, length);
  } finally {
    closeLocal(reader, writer);
  }
}

function ownPipe(): [number, number] {
  const program = new Program();
  const ends: Data = program.room(8);
  program.call('pipe2', ends, nonblockCloexec);
  const view = runLocal(program).view(ends);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/**
 * Takes everything out of our own copy. The first read gives all of a stream, or one packet; packets are at most a page
 * (PIPE_BUF), so that the rest of them comes page by page in one batch.
 */
function drain(reader: number, length: number): { data: Uint8Array<ArrayBuffer>; lengths: number[] } {
  const chunks = [...readChunks(reader, [length])];
  const rest = length - sum(chunks);
  if (rest > 0)
    chunks.push(...readChunks(reader, Array.from({ length: rest }, () => pipeBuf).slice(0, maxPackets)));
  if (sum(chunks) !== length)
    throw new GodwitError('SYSCALL', `a copied pipe gave ${sum(chunks)} of ${length} bytes`);
  return { data: new Uint8Array(Buffer.concat(chunks)), lengths: chunks.map((chunk) => chunk.length) };
}

function sum(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((total, chunk) => total + chunk.length, 0);
}

function readChunks(reader: number, sizes: readonly number[]): Uint8Array[] {
  const program = new Program();
  const reads = sizes.map((size) => {
    const room = program.room(size);
    return { room, result: program.attempt('read', reader, room, size) };
  });
  const outcome = runLocal(program);
  return reads
    .map(({ room, result }) => outcome.bytes(room).slice(0, Math.max(0, outcome.number(result))))
    .filter((chunk) => chunk.length > 0);
}
