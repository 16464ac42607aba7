// The WebSocket under the source's end of a page connection, or several, one after the other: frames out, acknowledgements in. In the place
// of one that broke another is dialled; on it the target tells first how far it has come, and what it lacks leaves again.
//
//   whole ---- lost ----> broken ---- dialled ----> greeting ---- acknowledgement ----> whole
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { asGodwitError, GodwitError } from '../errors.ts';
import type { Departure } from './departures.ts';
import { decodeAck } from './page-ack.ts';
import type { PageSeal } from './page-keys.ts';
import type { Redial } from './redial.ts';
import { notBack } from './resuming.ts';
import { Opener, Sealer } from './sealing.ts';
import type { SealInto } from './sealing.ts';
import { SentFrames } from './sent-frames.ts';
import { bytesOf, closeWebSocket, descriptorOf, socketProblem } from './websocket.ts';
import type { WireMeter } from './wire-meter.ts';

export interface PageLinkOptions {
  readonly meter: WireMeter;
  readonly redial: Redial | undefined;
  readonly seal: PageSeal | undefined;
  readonly sealInto: SealInto | undefined;
  /** @throws GodwitError it is wrong */
  readonly onAck: (sequence: number) => void;
  readonly onEnd: (reason: GodwitError) => void;
}

/** Not what the target has sealed. */
const forged = Symbol('forged');

export class PageLink {
  readonly #options: PageLinkOptions;
  readonly #frames: SentFrames;
  #ws: WebSocket;
  #socket: Socket;
  #cipher: { readonly sealer: Sealer; readonly opener: Opener } | undefined;
  #state: 'whole' | 'broken' | 'greeting' | 'over' = 'whole';
  #redial: Redial | undefined;
  #reason: GodwitError | undefined;
  #closing = false;

  constructor(ws: WebSocket, socket: Socket, options: PageLinkOptions) {
    this.#options = options;
    this.#redial = options.redial;
    this.#frames = new SentFrames(options.redial !== undefined);
    this.#ws = ws;
    this.#socket = socket;
    this.#serve(ws, socket, options.seal);
  }

  /** undefined: there is none now. */
  get fd(): number | undefined {
    return descriptorOf(this.#socket);
  }

  leave(departure: Departure): void {
    const taken = this.#frames.add(departure);
    if (this.#state === 'whole') this.#write(departure, taken);
  }

  /** The link is known to be dead, though this socket has not noticed. */
  cut(): void {
    const ws = this.#ws;
    this.#lost(ws, new GodwitError('PEER', 'the link to the target broke'));
    ws.terminate();
  }

  /** From now on nothing waits for another connection. @throws GodwitError there is none at this moment */
  forbidResuming(): void {
    this.#redial = undefined;
    this.#frames.letGo();
    if (this.#state === 'whole') return;
    const reason = this.#reason ?? new GodwitError('PEER', 'the page connection is over');
    this.end(reason);
    throw reason;
  }

  /** Closes, after what has left; waits for it at most `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    if (this.#state === 'broken') this.end(this.#gone(''));
    await closeWebSocket(this.#ws, graceMs);
  }

  /** Cuts the connection at once, for good. */
  terminate(): void {
    this.#redial = undefined;
    this.#ws.terminate();
    if (this.#state === 'broken') this.end(this.#reason ?? this.#gone(''));
  }

  /** Nothing that follows is heard. */
  end(reason: GodwitError): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#options.onEnd(reason);
  }

  #serve(ws: WebSocket, socket: Socket, seal: PageSeal | undefined): void {
    socket.setNoDelay(true);
    const { sealInto } = this.#options;
    this.#cipher = seal && { sealer: new Sealer(seal.frames, sealInto), opener: new Opener(seal.acks) };
    ws.on('message', (data, isBinary) => {
      if (ws === this.#ws) this.#arrived(data, isBinary);
    });
    ws.on('error', (error) => {
      this.#lost(ws, socketProblem(error, 'target'));
    });
    ws.once('close', (code) => {
      const reason = this.#gone(`the target closed the page connection with code ${code}`);
      this.#lost(ws, reason, code !== 1006); // see control-line.ts
    });
  }

  #arrived(data: RawData, isBinary: boolean): void {
    if (this.#state === 'over') return;
    try {
      const message = isBinary ? this.#opened(bytesOf(data)) : undefined;
      if (message === forged) {
        this.#ws.terminate();
        return;
      }
      const acked = message && decodeAck(message);
      if (acked === undefined)
        throw new GodwitError('PROTOCOL', 'the target sent a bad acknowledgement on the page connection');
      this.#options.onAck(acked);
      this.#frames.acked(acked);
    } catch (error) {
      this.end(asGodwitError(error));
      this.#ws.terminate();
      return;
    }
    if (this.#state !== 'greeting') return;
    this.#state = 'whole';
    this.#reason = undefined;
    this.#options.meter.resumed();
    for (const departure of this.#frames.missing) this.#write(departure, () => undefined);
  }

  /** Who can change what is on its way can cut the link too; no more than that follows from it. */
  #opened(bytes: Buffer): Buffer | typeof forged {
    return this.#cipher === undefined ? bytes : (this.#cipher.opener.open(bytes) ?? forged);
  }

  #write({ bytes }: Departure, taken: () => void): void {
    const ws = this.#ws;
    const sealer = this.#cipher?.sealer;
    const leaving = sealer?.seal(bytes) ?? bytes;
    ws.send(leaving, (error) => {
      sealer?.giveBack(leaving);
      if (error) this.#lost(ws, socketProblem(error, 'target'));
      else taken();
    });
  }

  #lost(ws: WebSocket, reason: GodwitError, isFinal = false): void {
    if (ws !== this.#ws || this.#state === 'broken' || this.#state === 'over') return;
    const redial = this.#redial;
    if (isFinal || this.#closing || redial === undefined || reason.code !== 'PEER') {
      this.end(reason);
      return;
    }
    this.#state = 'broken';
    this.#reason = reason;
    redial((again, socket, seal) => {
      if (this.#state !== 'broken') {
        again.terminate();
        return;
      }
      this.#state = 'greeting';
      this.#ws = again;
      this.#socket = socket;
      this.#serve(again, socket, seal);
    }).catch((error: unknown) => {
      this.end(notBack(reason, error));
    });
  }

  #gone(how: string): GodwitError {
    const message = this.#closing ? 'the page connection was closed by this side' : how;
    return new GodwitError('PEER', message, { hint: 'look at the log of the target' });
  }
}
