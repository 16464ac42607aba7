// What a control connection over TLS makes possible: other connections of the same migration.
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { GodwitError } from '../errors.ts';
import { exporterBytes, exporterLabel, PageKeys } from './page-keys.ts';
import type { Session } from './security.ts';

export interface Passage {
  readonly session: Session;
  readonly pages: PageKeys;
}

/** Of either end. @throws GodwitError INTERNAL: it is no TLS connection */
export function pageKeysOf(socket: Socket): PageKeys {
  if (!(socket instanceof TLSSocket))
    throw new GodwitError('INTERNAL', 'a connection without TLS exports no key');
  return new PageKeys(socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)));
}
