// How often somebody may fail at the front door: a few times at once, then once every few seconds. It keeps the log short and the
// processor free; that nobody guesses 256 bits does not hang on it.
import { isIPv6 } from 'node:net';

/** At once, of one address, and of all. */
const burst = 10;
const burstOfAll = 100;
/** Milliseconds until one more is forgiven. */
const forgiveMs = 6_000;
const forgiveOneOfAllMs = 600;
/** Addresses that are remembered: who has more of them fails as all together do. */
const mostAddresses = 4096;

interface Count {
  failures: number;
  at: number;
}

export class Attempts {
  readonly #now: () => number;
  readonly #counts = new Map<string, Count>();
  readonly #all: Count = { failures: 0, at: 0 };

  /** Milliseconds; for tests. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#all.at = now();
  }

  mayTry(address: string): boolean {
    const own = this.#counts.get(networkOf(address));
    if (own !== undefined && this.#failuresOf(own, forgiveMs) >= burst) return false;
    return this.#failuresOf(this.#all, forgiveOneOfAllMs) < burstOfAll;
  }

  failed(address: string): void {
    const network = networkOf(address);
    const own = this.#counts.get(network) ?? { failures: 0, at: this.#now() };
    this.#failuresOf(own, forgiveMs);
    own.failures = Math.min(burst, own.failures + 1);
    this.#counts.delete(network); // those that fail most are at the end
    this.#counts.set(network, own);
    this.#failuresOf(this.#all, forgiveOneOfAllMs);
    this.#all.failures = Math.min(burstOfAll, this.#all.failures + 1);
    const [oldest] = this.#counts.size > mostAddresses ? this.#counts.keys() : [];
    if (oldest !== undefined) this.#counts.delete(oldest);
  }

  #failuresOf(count: Count, everyMs: number): number {
    const forgiven = Math.floor((this.#now() - count.at) / everyMs);
    count.failures = Math.max(0, count.failures - forgiven);
    count.at += forgiven * everyMs;
    return count.failures;
  }
}

/** Who has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [front = '', back] = address.split('::');
  const words = (part: string): string[] => part.split(':').filter((word) => word !== '');
  const [before, behind] = [words(front), words(back ?? '')];
  const zeros = back === undefined ? [] : Array<string>(8 - before.length - behind.length).fill('0');
  return [...before, ...zeros, ...behind].slice(0, 4).join(':');
}
