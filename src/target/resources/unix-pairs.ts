// How unix sockets of the agent find each other.
import { resolve } from 'node:path';
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { unixName } from '../../kernel/socket-address.ts';
import { afUnix } from '../../kernel/socket-options.ts';
import type { SocketMakers } from './socket-makers.ts';

const longestPath = 107;

/** struct sockaddr_un. Of a path the closing zero is no part of the name. */
export function unixAddress(name: Uint8Array): Uint8Array<ArrayBuffer> {
  const isPath = name[0] !== 0;
  const address = new Uint8Array(2 + name.length + (isPath ? 1 : 0));
  address[0] = afUnix;
  address.set(name, 2);
  return address.subarray(0, 110);
}

/** Where a socket of ours can be reached, whatever the caller's working directory. @throws GodwitError LIMIT */
export function addressOf({ name, file }: ResourceImage<'unix'>): Uint8Array<ArrayBuffer> {
  if (name === undefined) throw new GodwitError('INTERNAL', 'connecting to a unix socket without a name');
  if (name[0] === 0) return unixAddress(name);
  return unixAddress(new Uint8Array(Buffer.from(shortPath(unixName(name), file?.directory ?? '/'))));
}

/** Connects in the name of the accepted socket's peer, to a listener of ours, and accepts. */
export function acceptPair(
  makers: SocketMakers,
  connecting: number,
  listener: number,
  image: ResourceImage<'unix'>,
): number {
  const connected = makers.connect(connecting, addressOf(image), image.peerCredentials);
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
