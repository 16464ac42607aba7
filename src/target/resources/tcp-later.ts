// Connections that speak when the tree runs, not before: their address comes along with the tree, and is not here yet. Until then they are
// in repair mode, behind a filter that drops everything; the keeper lets them go (native/keeper/speech.h), also when this agent has died.
import type { TcpConnectionImage } from '../../images/resources/tcp.ts';
import { GodwitError } from '../../errors.ts';
import type { SilentConnection } from '../../kernel/keeper-network.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { makeConnection } from '../../kernel/make-connection.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { hostText } from '../../kernel/socket-address.ts';
import { sequence, type TcpTerms } from '../../kernel/tcp-repair.ts';
import { native } from '../../native.ts';
import { asIfHere } from './bind-socket.ts';
import type { OpenContext, Speaker } from './driver.ts';
import { heardSegments } from './heard-segments.ts';

const shutRead = 0;
/** Milliseconds that a timestamp is ahead of what the source may have sent last: the other end drops what goes back (PAWS, RFC 7323). */
const aheadMs = 1000n;
/** In the lowest bit of TCP_TIMESTAMP: its clock counts microseconds, not milliseconds (Linux 6.7). */
const inMicroseconds = 1;

export interface LateEnd {
  readonly local: Uint8Array;
  readonly connection: TcpConnectionImage;
}

export function speaksLater({ local, connection }: LateEnd, { moving }: Speaker): boolean {
  return connection.outside !== undefined || moving.has(hostText(local));
}

/** @throws GodwitError PROTOCOL, REFUSED, SYSCALL */
export function makeAllLater(
  ends: readonly (LateEnd & { readonly fd: number })[],
  context: Pick<OpenContext, 'speaker' | 'elapsed'>,
): void {
  context.speaker.connections(ends.map((end) => makeLater(end.fd, end, context)));
  const words = ends.flatMap((end) => wordsOf(end));
  if (words.length > 0) context.speaker.segments(words);
}

function makeLater(
  fd: number,
  { local, connection }: LateEnd,
  { speaker, elapsed }: Pick<OpenContext, 'speaker' | 'elapsed'>,
): SilentConnection {
  const host = hostText(local);
  if (!speaker.moving.has(host) && speaker.forwarded?.hosts.has(host) !== true)
    throw new GodwitError('PROTOCOL', `the source names a connection of ${host}, which does not move`);
  // Nothing may reach it from the first moment on.
  const locked = native.stopHearing(fd);
  if (locked < 0) throw new GodwitError('SYSCALL', `a TCP connection cannot be locked: ${errnoName(locked)}`);
  asIfHere(fd, local, () => {
    makeConnection(fd, { ...connection, terms: termsNow(connection.terms, elapsed()), local });
  });
  const { outside, unsent, shut, ended, readShut, reuse } = connection;
  if (readShut && !ended) {
    const program = new Program();
    program.attempt('shutdown', fd, shutRead);
    runLocal(program);
  }
  const ending = {
    reuse,
    sent: outside?.sent ?? new Uint8Array(),
    finSent: outside?.finSent ?? false,
    unsent,
    shut: shut && outside?.finSent !== true,
  };
  return { fd, ending };
}

/** Since the connection was read, the source may have sent what it had sent already once more. */
export function termsNow(terms: TcpTerms, elapsedNs: bigint): TcpTerms {
  const { timestamp } = terms;
  if (timestamp === undefined) return terms;
  const milliseconds = elapsedNs / 1_000_000n + aheadMs;
  const isFine = (timestamp & inMicroseconds) !== 0;
  const passed = Number(BigInt.asUintN(31, isFine ? milliseconds * 1000n : milliseconds));
  return { ...terms, timestamp: sequence(timestamp + (passed & ~inMicroseconds)) };
}

/** What the other end had told, and a queue alone does not tell: its end, that it has got ours, and urgent data. */
function wordsOf(end: LateEnd): Uint8Array[] {
  const { outside, ended, urgent } = end.connection;
  if (outside === undefined || !(ended || outside.finAcknowledged || urgent !== undefined)) return [];
  return heardSegments(end, { ended, finAcknowledged: outside.finAcknowledged });
}
