// What a worker says to its daemon, and to whoever reads the log when that has gone.
import { asGodwitError } from '../errors.ts';
import { peerOrigin } from '../transport/problem.ts';
import type { LogLevel } from './session.ts';
import type { FromWorker } from './worker-messages.ts';

export function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

export function log(level: LogLevel, text: string): void {
  if (process.connected) tell({ kind: 'log', level, text });
  else process.stderr.write(`${level}: ${text}\n`);
}

/** Why the session has failed. */
export function report(thrown: unknown): void {
  const error = asGodwitError(thrown);
  const prefix = peerOrigin(error) === undefined ? '' : `the source says: `;
  const hint = error.hint === undefined ? '' : ` (${error.hint})`;
  log('error', `${error.code}: ${prefix}${error.message}${hint}`);
  if (error.code !== 'INTERNAL') return;
  const { stack } = error.cause instanceof Error ? error.cause : error;
  if (stack !== undefined) log('error', stack);
}

/** Ends the process when the daemon has got all that was told. */
export function exit(code: number): void {
  if (!process.connected || process.send === undefined) process.exit(code);
  const last: FromWorker = { kind: 'bye' };
  process.send(last, undefined, undefined, () => process.exit(code));
}
