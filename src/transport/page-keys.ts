// The keys of page connections. They come from the control connection's TLS session, by its exporter (RFC 8446, 7.5), so nobody who was not
// an end of that has them, and they are gone with it. Each page connection has a number of its own, which the source counts and the target
// takes once and ascending: a request that was recorded is worth nothing, and no key serves two connections.
//
//   exported secret --HKDF, number--> proof (in the HTTP request)
//                   --HKDF, number--> key of frames, key of acknowledgements
import { hkdfSync, timingSafeEqual } from 'node:crypto';

/** The HTTP header of a page connection's request: "number.proof". */
export const sealHeader = 'godwit-seal';
export const exporterLabel = 'EXPERIMENTAL godwit pages';
export const exporterBytes = 32;
const keyBytes = 32;
const most = 2 ** 32 - 1;

export interface PageSeal {
  /** Of messages to the target. */
  readonly frames: Buffer;
  /** Of messages to the source. */
  readonly acks: Buffer;
}

export class PageKeys {
  readonly #secret: Buffer;
  #last = 0;

  /** `secret`: what the exporter gave to both ends. */
  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /** For the source: a connection that has not been. */
  next(): { readonly header: string; readonly seal: PageSeal } {
    this.#last++;
    return {
      header: `${this.#last}.${this.#derive('proof', this.#last).toString('base64url')}`,
      seal: this.#sealOf(this.#last),
    };
  }

  /** For the target. undefined: the header is not of this source, or has been used. */
  accept(header: string | undefined): PageSeal | undefined {
    const [, digits = '', proof = ''] = /^(\d{1,10})\.([A-Za-z0-9_-]{43})$/.exec(header ?? '') ?? [];
    const number = Number(digits);
    if (number <= this.#last || number > most) return undefined;
    const given = Buffer.from(proof, 'base64url');
    const expected = this.#derive('proof', number);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    this.#last = number;
    return this.#sealOf(number);
  }

  #sealOf(number: number): PageSeal {
    return { frames: this.#derive('frames', number), acks: this.#derive('acknowledgements', number) };
  }

  #derive(what: string, number: number): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secret, `${number}`, `godwit ${what}`, keyBytes));
  }
}
