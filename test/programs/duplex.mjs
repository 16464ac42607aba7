// One end of a full-duplex stream that checks itself: both ends send all the time, each its own kind of bytes, and know what has to come.
// The end that accepts says last how many bytes it has got (8 bytes, little-endian).
import { setTimeout as sleep } from 'node:timers/promises';

/** A prime: what is lost or doubled in pages or segments shows. */
const period = 65521;
const longest = 4096;
const burst = 300_000;
const trailer = 8;

const tables = new Map();
function tableOf(kind) {
  let table = tables.get(kind);
  if (table === undefined) {
    table = Buffer.alloc(2 * period + burst);
    for (let at = 0; at < table.length; at++) {
      const place = at % period;
      table[at] = (Math.imul(place + 1, 2654435761) >>> 13) + kind;
    }
    tables.set(kind, table);
  }
  return table;
}

export class Duplex {
  problem = '';
  sent = 0;
  got = 0;
  lastAt = performance.now();
  longestMs = 0;
  #socket;
  #random;
  #isInitiator;
  #kept = Buffer.alloc(0);
  #isOver = false;
  #hasEnded = false;

  /** `random`: numbers from 0 to 1. The end that has connected is the initiator. */
  constructor(socket, isInitiator, random) {
    this.#socket = socket;
    this.#random = random;
    this.#isInitiator = isInitiator;
    socket.on('error', ({ message }) => (this.problem ||= `${message} behind ${this.got} bytes`));
    socket.on('data', (data) => this.#hear(data));
    socket.on('end', () => (this.#hasEnded = true));
    this.ended = new Promise((resolve) => socket.on('close', resolve));
    void this.#talk();
  }

  /** Says its last word when what it is about to send is sent. */
  finish() {
    this.#isOver = true;
  }

  /** Of the initiator, at the end: what is wrong, or ''. */
  verdict() {
    if (this.problem !== '') return this.problem;
    if (!this.#hasEnded || this.#kept.length !== trailer) return 'it was cut off';
    const heard = Number(this.#kept.readBigUInt64LE());
    return heard === this.sent ? '' : `${this.sent} bytes were sent, and ${heard} came`;
  }

  async #talk() {
    const table = tableOf(this.#isInitiator ? 1 : 2);
    while (!this.#socket.destroyed && !this.#isOver && !(!this.#isInitiator && this.#hasEnded)) {
      const length = this.#random() < 0.002 ? burst : 1 + Math.floor(this.#random() * longest);
      const from = this.sent % period;
      const isRoom = this.#socket.write(table.subarray(from, from + length));
      this.sent += length;
      if (!isRoom) await new Promise((resolve) => this.#socket.once('drain', resolve).once('close', resolve));
      await sleep(20 + this.#random() * 200);
    }
    if (!this.#isInitiator) {
      const word = Buffer.alloc(trailer);
      word.writeBigUInt64LE(BigInt(this.got));
      this.#socket.write(word);
    }
    this.#socket.end();
  }

  #hear(data) {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.lastAt);
    this.lastAt = now;
    if (!this.#isInitiator) return this.#check(data);
    // The last bytes may be the trailer.
    const all = Buffer.concat([this.#kept, data]);
    const end = Math.max(0, all.length - trailer);
    this.#kept = all.subarray(end);
    this.#check(all.subarray(0, end));
  }

  #check(data) {
    const table = tableOf(this.#isInitiator ? 2 : 1);
    for (let at = 0; at < data.length; at += period) {
      const part = data.subarray(at, at + period);
      const from = this.got % period;
      if (!part.equals(table.subarray(from, from + part.length)))
        this.problem ||= `wrong bytes between ${this.got} and ${this.got + part.length}`;
      this.got += part.length;
    }
  }
}
