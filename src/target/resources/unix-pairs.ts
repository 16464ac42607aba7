// Connecting unix sockets of the agent with each other.
import { resolve } from 'node:path';
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { unixName } from '../../kernel/socket-address.ts';
import { afUnix } from '../../kernel/socket-options.ts';

const cloexec = 0o2000000;
const nonblock = 0o4000;
const getFlags = 3;
const setFlags = 4;
const longestPath = 107;

export function socketPair(type: number): [number, number] {
  const program = new Program();
  const ends = program.room(8);
  program.call('socketpair', afUnix, type | cloexec, 0, ends);
  const view = runLocal(program).view(ends);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** struct sockaddr_un. Of a path the closing zero is no part of the name. */
export function unixAddress(name: Uint8Array): Uint8Array<ArrayBuffer> {
  const isPath = name[0] !== 0;
  const address = new Uint8Array(2 + name.length + (isPath ? 1 : 0));
  address[0] = afUnix;
  address.set(name, 2);
  return address.subarray(0, 110);
}

/** connect(2) to a socket by its name, without waiting; 0 or negative errno. */
export function connectTo(fd: number, { name, file }: ResourceImage<'unix'>): number {
  if (name === undefined) throw new GodwitError('INTERNAL', 'connecting to a unix socket without a name');
  const target =
    name[0] === 0 ? name : new Uint8Array(Buffer.from(shortPath(unixName(name), file?.directory ?? '/')));
  const address = unixAddress(target);
  const program = new Program();
  const flags = program.call('fcntl', fd, getFlags, 0);
  program.call('fcntl', fd, setFlags, nonblock);
  const result = program.attempt('connect', fd, program.bytes(address), address.length);
  program.call('fcntl', fd, setFlags, flags);
  return runLocal(program).number(result);
}

/** Connects to a listener of ours and accepts. */
export function acceptPair(connecting: number, listener: number, image: ResourceImage<'unix'>): number {
  const connected = connectTo(connecting, image);
  if (connected < 0) throw failure(image, connected);
  const program = new Program();
  const result = program.attempt('accept', listener, 0, 0);
  const accepted = runLocal(program).number(result);
  if (accepted < 0) throw failure(image, accepted);
  return accepted;
}

function failure({ name }: ResourceImage<'unix'>, errno: number): GodwitError {
  const text = name === undefined ? 'without a name' : unixName(name);
  return new GodwitError(
    'SYSCALL',
    `a connection to unix socket ${text} cannot be made again: ${errnoName(errno)}`,
  );
}

function shortPath(path: string, directory: string): string {
  const full = resolve(directory, path);
  if (Buffer.byteLength(full) <= longestPath) return full;
  throw new GodwitError('LIMIT', `${full} is too long for a unix socket's address`);
}
