// Where an encrypting target listens: the first bytes of a connection say whose it is.
//
//   TLS, for <migration>.godwit   the worker of that migration, which does the handshake itself: the socket is handed on unread
//   TLS, for nobody that is here  the front door
//   HTTP                          a page connection, whose messages are sealed; nothing else is served without TLS
import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { migrationIdPattern } from '../../transport/message-fields.ts';
import { silence } from '../hand-over.ts';
import type { QuietSocket } from '../hand-over.ts';
import { more, mostRecord, serverNameIn } from './client-hello.ts';
import type { FrontDoor } from './front-door.ts';

export interface EntranceOptions {
  readonly door: Pick<FrontDoor, 'welcome'>;
  readonly http: HttpServer;
  /** Whether that migration goes on here. */
  readonly isHere: (migrationId: string) => boolean;
  /** A connection for the worker of that migration. */
  readonly onTls: (migrationId: string, socket: QuietSocket) => void;
  /** It has said what it wants. */
  readonly settled: (socket: Socket) => void;
}

const suffix = '.godwit';

/** Reads until it knows. */
export function enter(socket: Socket, { door, http, isHere, onTls, settled }: EntranceOptions): void {
  let bytes = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const name = serverNameIn(bytes);
    if (name === more) {
      if (bytes.length > mostRecord) socket.destroy();
      return;
    }
    socket.removeListener('data', onData);
    const migrationId = name?.endsWith(suffix) === true ? name.slice(0, -suffix.length) : undefined;
    // Of a migration that is over the front door says so: a source that only sees connections close would try for as long as it is patient.
    if (migrationId !== undefined && migrationIdPattern.test(migrationId) && isHere(migrationId)) {
      settled(socket);
      const quiet = silence(socket, bytes);
      if (quiet !== undefined) onTls(migrationId, quiet);
      return;
    }
    const isTls = bytes[0] === tlsHandshake;
    socket.pause();
    socket.unshift(bytes);
    if (isTls) {
      settled(socket);
      door.welcome(socket); // TLS takes what is there, and reads the handle by itself: a stream that flows would take it away
      return;
    }
    http.emit('connection', socket);
    socket.resume();
  };
  socket.on('data', onData);
  socket.on('error', () => undefined); // who serves it sees it
}

const tlsHandshake = 22;
