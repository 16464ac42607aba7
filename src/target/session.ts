// What a worker process gives to the part that restores, and what it expects of it. The plumbing (daemon.ts,
// worker.ts) knows nothing of processes; the sessions know nothing of sockets.
import { GodwitError } from '../errors.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import type { Hello } from '../transport/messages.ts';
import type { PageReceiver, PageReceiverOptions } from '../transport/page-receiver.ts';

export interface TargetContext {
  readonly migrationId: string;
  /** Already answered by welcome: the session goes on with check, stage, or resolve. */
  readonly hello: Hello;
  readonly control: ControlConnection<'target'>;
  /** Serves the page connections from now on; one that came earlier has been waiting. To be called once. */
  openPages(options: Omit<PageReceiverOptions, 'onProblem'>): PageReceiver;
  /**
   * Aborts when the session must end: the source is gone or gave up, a page frame was bad, or `receive` is being
   * stopped before PREPARED. From PREPARED on only the control connection's end aborts it.
   */
  readonly signal: AbortSignal;
  /** Why something failed, where the error does not tell: this host ran out of memory. */
  readonly explain: (error: unknown) => GodwitError;
  /** Of an encrypted migration: the SHA-256 of its session's secret, for the journal. */
  readonly sessionHash: string | undefined;
  /** The one migration that this session may be about; undefined: it may be about any, for nothing is encrypted. */
  readonly subject: string | undefined;
  /** The tree belongs to this host, or may do so: the key that it came with has been used. */
  readonly landed: () => void;
  /** A line in the daemon's log. */
  readonly log: (level: LogLevel, text: string) => void;
}

export type LogLevel = 'info' | 'warning' | 'error';

/**
 * Serves one control connection to its end. When it returns, the connection is closed and the worker exits; when it
 * throws, the source is told why first. Nothing of an unfinished tree may be left then (the keeper sees to it).
 */
export type TargetSession = (context: TargetContext) => Promise<void>;

/** @throws GodwitError NOT_ALLOWED: the source was let in for another migration. */
export function requireSubject({ subject }: TargetContext, migrationId: string): void {
  if (subject === undefined || subject === migrationId) return;
  throw new GodwitError(
    'NOT_ALLOWED',
    `the session of migration ${subject} says nothing about ${migrationId}`,
  );
}

/** By the purpose of hello. */
export type TargetSessions = Readonly<Record<Hello['purpose'], TargetSession>>;
