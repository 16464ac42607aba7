// Socket filters (socket(7), SO_ATTACH_FILTER): the kernel hands a classic one out as it was attached (SO_GET_FILTER, Linux 3.8), one of
// eBPF not at all.
import type { SocketFilter } from '../images/resources/socket-filter.ts';
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { runLocal } from './local-program.ts';
import { errnoName, isError, Program } from './program.ts';
import { solSocket } from './socket-options.ts';
import { ask } from './socket-questions.ts';

const soGetFilter = 26;
const soLockFilter = 44;
/** struct sock_filter. */
const instruction = 8;
const mostInstructions = 4096;

/** 'extended': one of eBPF, which cannot be had. Lengths are counted in instructions here. */
export function readFilter(fd: number): SocketFilter | 'extended' | undefined {
  const program = new Program();
  const value = program.room(mostInstructions * instruction);
  const size = program.bytes(new Uint8Array(Uint32Array.of(mostInstructions).buffer));
  const result = program.attempt('getsockopt', fd, solSocket, soGetFilter, value, size);
  const lock = ask(program, fd, solSocket, soLockFilter, 4);
  const outcome = runLocal(program);
  if (isError(outcome.result(result))) return 'extended';
  const length = outcome.view(size).getUint32(0, true) * instruction;
  if (length === 0) return undefined;
  const locked = !isError(outcome.result(lock.result)) && outcome.view(lock.value).getUint32(0, true) !== 0;
  return { program: outcome.bytes(value).slice(0, length), locked };
}

/** @throws GodwitError UNSUPPORTED naming the socket */
export function attachFilter(fd: number, { program: code, locked }: SocketFilter, object: string): void {
  const errno = native.attachFilter(fd, code);
  if (errno < 0)
    throw new GodwitError(
      'UNSUPPORTED',
      `${object}: this host does not take its filter: ${errnoName(errno)}`,
    );
  if (!locked) return;
  const program = new Program();
  program.call(
    'setsockopt',
    fd,
    solSocket,
    soLockFilter,
    program.bytes(new Uint8Array(Int32Array.of(1).buffer)),
    4,
  );
  runLocal(program, object);
}
