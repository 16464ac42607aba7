// TCP sockets: listening, bound, fresh; connections (tcp-connection.ts); and those that --tcp-close has dropped, which report that once.
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { addressText, hostText } from '../../kernel/socket-address.ts';
import { closeLocal, openSocket } from '../../kernel/socket-facts.ts';
import { setOptions } from '../../kernel/socket-values.ts';
import { afInet, afInet6, sockStream, solTcp } from '../../kernel/socket-options.ts';
import { int, repairOffNoProbe, set, tcpRepair } from '../../kernel/tcp-repair.ts';
import { bindSocket, whereItGoes } from './bind-socket.ts';
import { connectLater } from './tcp-connection.ts';
import type { OpenContext, TargetDriver } from './driver.ts';

const discardPort = 9;

export const tcp: TargetDriver<'tcp'> = {
  open(image, { id }, context) {
    const { family, state, local, connection, options } = image;
    const { moving, forwarded } = context.speaker;
    const isForwarded =
      connection?.outside !== undefined && local !== undefined && !moving.has(hostText(local));
    const fd =
      isForwarded && forwarded !== undefined
        ? forwarded.openSocket(family)
        : openSocket(family, sockStream, image.protocol);
    try {
      if (state === 'dropped') abort(fd, family);
      else if (state === 'connected') {
        if (local === undefined || connection === undefined)
          throw new GodwitError('PROTOCOL', `open file ${id}: a TCP connection without its ends`);
        setOptions(fd, options, `TCP connection ${addressText(local)}`);
        connectLater({ file: id, local, connection, family }, context);
      } else restore(fd, image, context);
      return fd;
    } catch (error) {
      closeLocal(fd);
      throw error;
    }
  },
};

function restore(
  fd: number,
  { local, options, state, backlog }: ResourceImage<'tcp'>,
  { speaker }: Pick<OpenContext, 'speaker'>,
): void {
  const name = `TCP socket ${local === undefined ? '' : addressText(local)}`.trim();
  setOptions(fd, options, name);
  if (local === undefined) return;
  const bound = whereItGoes(fd, local, speaker, () => bindSocket(fd, local));
  if (bound < 0) throw cannotBind(name, bound);
  if (state !== 'listening') return;
  const program = new Program();
  const result = program.attempt('listen', fd, backlog);
  const listening = runLocal(program).number(result);
  if (listening < 0) throw cannotBind(name, listening);
}

function cannotBind(name: string, errno: number): GodwitError {
  const why = errnoName(errno);
  const hints: Record<string, string> = {
    EADDRINUSE: 'another program on the target uses it: ss -tlnp',
    EADDRNOTAVAIL:
      'the target does not have this address: move it there first, or let the program listen on any',
  };
  const hint = hints[why];
  return new GodwitError(
    'REFUSED',
    `${name} cannot be used on the target: ${why}`,
    hint === undefined ? {} : { hint },
  );
}

/**
 * Leaves a socket that says ECONNABORTED once and hung-up from then on, as if its peer had reset it: in repair mode
 * connecting sends nothing, and disconnecting sets that error (tcp_disconnect). Where this is not allowed (no
 * CAP_NET_ADMIN, MPTCP), the socket is a fresh one, which poll calls hung-up as well.
 */
function abort(fd: number, family: number): void {
  const program = new Program();
  const loopback = loopbackAddress(family);
  set(program, fd, tcpRepair, int(1));
  program.call('connect', fd, program.bytes(loopback), loopback.length);
  program.call('connect', fd, program.room(16), 16);
  try {
    runLocal(program);
  } catch {
    // A fresh socket will do.
  }
  const end = new Program();
  end.attempt('setsockopt', fd, solTcp, tcpRepair, end.bytes(int(repairOffNoProbe)), 4);
  runLocal(end);
}

function loopbackAddress(family: number): Uint8Array {
  if (family === afInet)
    return Uint8Array.of(afInet, 0, 0, discardPort, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const address = new Uint8Array(28);
  address.set([afInet6, 0, 0, discardPort]);
  address[23] = 1;
  return address;
}
