// GodwitErrors over the wire: both terminals show the same sentence. What came from a peer is marked, so that
// nobody sends it back or takes it for an error of this host.
import { asGodwitError, GodwitError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Problem } from './message-fields.ts';
import type { Side } from './messages.ts';

const codes: Readonly<Record<ErrorCode, true>> = {
  USAGE: true, REFUSED: true, NO_PROCESS: true, NO_RIGHTS: true,
  NOT_ALLOWED: true, UNSUPPORTED: true, SYSCALL: true,
  REMOTE_CALL: true, PEER: true, PROTOCOL: true, VERSION: true, LIMIT: true, NO_SPACE: true, CANCELLED: true,
  TIMEOUT: true,
  NOT_CONVERGED: true, IN_DOUBT: true, KEEPER: true, INTERNAL: true, PID_TAKEN: true,
}; // prettier-ignore

/** How a peer's problem arrived; `cause` of the error that tells it. */
export interface FromPeer {
  readonly side: Side;
  readonly how: 'error' | 'abort' | 'refused';
}

const fromPeer = new WeakMap<GodwitError, FromPeer>();

export function problemOf(thrown: unknown): Problem {
  const { code, message, hint } = asGodwitError(thrown);
  const problem = { code, message: message.slice(0, 16_384) };
  return hint === undefined ? problem : { ...problem, hint: hint.slice(0, 16_384) };
}

/** A peer of another release may have codes that we lack: those become PEER. */
export function errorOf(problem: Problem, origin: FromPeer): GodwitError {
  const code = Object.hasOwn(codes, problem.code) ? (problem.code as ErrorCode) : 'PEER';
  const error = new GodwitError(
    code,
    problem.message,
    problem.hint === undefined ? {} : { hint: problem.hint },
  );
  fromPeer.set(error, origin);
  return error;
}

/** Tells an error that the peer reported from one that arose here. */
export function peerOrigin(error: unknown): FromPeer | undefined {
  return error instanceof GodwitError ? fromPeer.get(error) : undefined;
}
