// Messages of a page connection under AES-256-GCM, each one with its place in the order as the nonce: none can be changed, left out, repeated
// or put elsewhere.
//
//        +---------------------------------+----------------+
//        | ciphertext, as long as the      | tag            |
//        | message                         | 16 bytes       |
//        +---------------------------------+----------------+
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { maxPageFrame } from './limits.ts';

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
/** Bytes by which a sealed message is longer. */
export const tagBytes = 16;

/** Writes `from` encrypted and its tag into `into`, which has just that room. */
export type SealInto = (key: Uint8Array, counter: number, from: Uint8Array, into: Uint8Array) => void;

/** For short messages: it makes garbage as long as they are. */
export const sealByNode: SealInto = (key, counter, from, into) => {
  const sealing = createCipheriv(cipher, key, nonceOf(counter));
  into.set(sealing.update(from));
  sealing.final();
  into.set(sealing.getAuthTag(), from.length);
};

export class Sealer {
  readonly #key: Buffer;
  readonly #sealInto: SealInto;
  readonly #free: Buffer[] = [];
  #counter = 0;

  constructor(key: Buffer, sealInto: SealInto = sealByNode) {
    this.#key = key;
    this.#sealInto = sealInto;
  }

  /** The next message. Memory that has been given back is used again. */
  seal(message: Uint8Array): Buffer {
    const length = message.length + tagBytes;
    const memory = this.#take(length);
    const sealed = memory.subarray(0, length);
    this.#sealInto(this.#key, this.#counter, message, sealed);
    this.#counter++;
    return sealed;
  }

  /** It has left. */
  giveBack(sealed: Buffer): void {
    if (sealed.length >= worthKeeping) this.#free.push(Buffer.from(sealed.buffer));
  }

  #take(length: number): Buffer {
    if (length < worthKeeping) return Buffer.allocUnsafe(length);
    return this.#free.pop() ?? Buffer.from(new ArrayBuffer(maxPageFrame + tagBytes));
  }
}

/** Bytes. */
const worthKeeping = 64 * 1024;

export class Opener {
  readonly key: Buffer;
  #counter = 0;

  constructor(key: Buffer) {
    this.key = key;
  }

  /** undefined: it is not the next message that the peer has sealed. */
  open(sealed: Buffer): Buffer | undefined {
    const length = sealed.length - tagBytes;
    if (length < 0) return undefined;
    const opening = createDecipheriv(cipher, this.key, nonceOf(this.#counter));
    opening.setAuthTag(sealed.subarray(length));
    const message = opening.update(sealed.subarray(0, length));
    try {
      opening.final();
    } catch {
      return undefined;
    }
    this.#counter++;
    return message;
  }

  /** Somebody else has opened one. */
  openedElsewhere(): void {
    this.#counter++;
  }
}

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeBigUInt64BE(BigInt(counter), nonceBytes - 8);
  return nonce;
}
