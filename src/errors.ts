// The one error class of Godwit. `code` never changes and is what callers match on; the message names the
// object (pid, fd, path), the hint says what to do about it. Exit codes of the command line derive from it.

/** Codes are stable: tests and scripts match on them. */
export type ErrorCode =
  | 'USAGE' // an argument that cannot be meant
  | 'REFUSED' // the check found something that cannot be carried
  | 'NO_PROCESS' // the process is not there, or ended under our hands
  | 'NO_RIGHTS' // the kernel does not let this user do it
  | 'UNSUPPORTED' // this kernel or this build cannot do it
  | 'SYSCALL' // a system call failed that normally does not
  | 'REMOTE_CALL' // a system call of a remote program failed inside another process
  | 'NOT_ALLOWED' // the target does not take it from whoever we are, or not of that user
  | 'PEER' // the other side is gone, silent, or is not Godwit
  | 'PROTOCOL' // the other side said what the protocol forbids
  | 'VERSION' // both sides speak, but not the same version
  | 'LIMIT' // more than a documented limit allows
  | 'NO_SPACE' // memory or disk ran out
  | 'PID_TAKEN' // an ID of the tree is in use on the target: a new PID namespace helps
  | 'CANCELLED' // the operator asked for an end
  | 'TIMEOUT'
  | 'NOT_CONVERGED' // the downtime goal is out of reach, and the operator wants no longer one
  | 'IN_DOUBT' // after COMMIT: a person must look
  | 'KEEPER' // the keeper refused or is gone
  | 'INTERNAL'; // a bug of ours

export interface ErrorOptions {
  readonly hint?: string;
  readonly cause?: unknown;
}

export class GodwitError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GodwitError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** Whatever was thrown, as a GodwitError: what is not ours is a bug of ours until proven otherwise. */
export function asGodwitError(thrown: unknown): GodwitError {
  if (thrown instanceof GodwitError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new GodwitError('INTERNAL', message, { cause: thrown });
}

/**
 * Refused for something that passes by itself, which only the freeze could see: its hint begins with "try again". The tree runs on;
 * `migrate` starts over.
 */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof GodwitError && error.code === 'REFUSED' && error.hint?.startsWith('try again') === true
  );
}

/** The exit codes that scripts may trust (docs/operations.md). */
export const exitCodes = { moved: 0, failed: 1, usage: 2, refused: 3, inDoubt: 4 } as const;

export function exitCodeOf(error: GodwitError): number {
  if (error.code === 'USAGE') return exitCodes.usage;
  if (error.code === 'REFUSED') return exitCodes.refused;
  if (error.code === 'IN_DOUBT') return exitCodes.inDoubt;
  return exitCodes.failed;
}
