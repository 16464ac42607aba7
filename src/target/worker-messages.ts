// What the daemon and its worker processes tell each other over the IPC channel of child_process.
import type { Hello } from '../transport/messages.ts';
import type { ConnectionKind, UpgradeRequest } from '../transport/websocket.ts';
import type { Identity } from './security/identity.ts';
import type { LogLevel } from './session.ts';

/** Comes with the socket of an upgrade request; the worker does the WebSocket handshake. */
export interface WebSocketRequest {
  readonly kind: ConnectionKind;
  readonly migrationId: string;
  /** `resume`: in the place of a connection that broke. */
  readonly purpose: Hello['purpose'] | 'resume';
  readonly request: UpgradeRequest;
  /** Base64 of what was read behind the request. */
  readonly head: string;
}

/** A worker of an encrypting target begins with it: who may come, and for what. */
export interface Opening {
  readonly kind: 'open';
  readonly migrationId: string;
  readonly purpose: Hello['purpose'];
  /** The migration whose tree it is about. */
  readonly of: string;
  /** SHA-256 of the session's secret, base64url. */
  readonly sessionHash: string;
  readonly identity: Identity;
}

export type ToWorker =
  | WebSocketRequest
  | Opening
  /** Comes with a socket: a TLS connection for this migration, of which `head` (base64) has been read. */
  | { readonly kind: 'tls'; readonly head: string }
  /** Who was let in has left the front door: it has come in, or will not. */
  | { readonly kind: 'deserted' }
  /** End the session, unless it is past PREPARED. */
  | { readonly kind: 'stop' }
  /** Let go of the connection: another worker settles the migration. */
  | { readonly kind: 'yield' };

export type FromWorker =
  /** The first word: sockets may be sent. */
  | { readonly kind: 'ready' }
  /** Hello was good: the connection is no longer a pending handshake. */
  | { readonly kind: 'greeted' }
  /** The tree belongs to this host, or may do so: the key has been used. */
  | { readonly kind: 'landed' }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly text: string }
  /** The answer to stop after PREPARED: the worker goes on to the end of the session. */
  | { readonly kind: 'finishing' }
  /** Nothing follows but the exit. */
  | { readonly kind: 'bye' };
