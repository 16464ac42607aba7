// Messages that have been sent and may have to be sent again: until the peer has told that it has them.

export class KeptMessages {
  readonly #kept: Uint8Array[] = [];
  /** How many were sent before the first of them. */
  #before = 0;

  /** How many were sent so far. */
  get count(): number {
    return this.#before + this.#kept.length;
  }

  add(message: Uint8Array): void {
    this.#kept.push(message);
  }

  /** The peer has the first `count` of all. */
  forget(count: number): void {
    const known = Math.min(count, this.count) - this.#before;
    if (known <= 0) return;
    this.#kept.splice(0, known);
    this.#before += known;
  }

  /** All but the first `count`; undefined: some of them are forgotten, or more than were ever sent are meant. */
  after(count: number): readonly Uint8Array[] | undefined {
    return count < this.#before || count > this.count ? undefined : this.#kept.slice(count - this.#before);
  }
}
