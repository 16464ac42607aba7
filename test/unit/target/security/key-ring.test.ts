// Uses and ends of keys.
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { KeyRing } from '../../../../src/target/security/key-ring.ts';
import type { KeyRingOptions, KeyUse } from '../../../../src/target/security/key-ring.ts';
import { parseKey } from '../../../../src/transport/transfer-key.ts';

class Bed {
  nowMs = 0;
  readonly secrets: Buffer[] = [];
  readonly ring: KeyRing;

  constructor(options: Partial<KeyRingOptions> = {}) {
    this.ring = new KeyRing({
      pin: randomBytes(32),
      uses: undefined,
      expiresMs: undefined,
      onKey: (key) => this.secrets.push(parseKey(key, 'key').secret),
      now: () => this.nowMs,
      ...options,
    });
  }

  /** With the key that was made as the n-th. */
  reserve(n = 0): KeyUse | string {
    return this.ring.reserve(this.secrets[n] ?? Buffer.alloc(32));
  }

  mustReserve(n = 0): KeyUse {
    const use = this.reserve(n);
    if (typeof use === 'string') throw new Error(use);
    return use;
  }
}

void t.test('a key is good for one tree, and the next key follows', (t) => {
  const bed = new Bed();
  const use = bed.mustReserve();
  t.match(bed.reserve(), /another migration at this moment/);
  use.giveBack();
  bed.mustReserve().giveBack();
  const second = bed.mustReserve();
  t.equal(bed.secrets.length, 1, 'a migration that fails burns nothing');
  second.spend();
  t.equal(bed.secrets.length, 2);
  t.match(bed.reserve(0), /no longer/);
  bed.mustReserve(1);
  second.spend();
  second.giveBack();
  t.equal(bed.secrets.length, 2, 'what ends twice ends once');
  t.end();
});

void t.test('a number of uses is a number of trees, at once or not, and then it is over', (t) => {
  const bed = new Bed({ uses: 2 });
  const [one, two] = [bed.mustReserve(), bed.mustReserve()];
  t.match(bed.reserve(), /at this moment/);
  one.spend();
  two.giveBack();
  bed.mustReserve().spend();
  t.match(bed.reserve(), /as often as it may/);
  t.equal(bed.secrets.length, 1, 'no other key follows');
  t.end();
});

void t.test('an expired key is none', (t) => {
  const bed = new Bed({ uses: 5, expiresMs: 1000 });
  const early = bed.mustReserve();
  bed.nowMs = 999;
  bed.mustReserve().giveBack();
  bed.nowMs = 1000;
  t.match(bed.reserve(), /expired/);
  early.spend();
  bed.ring.close();
  t.end();
});

void t.test('without a number of uses another key follows in time', async (t) => {
  const bed = new Bed({ expiresMs: 20 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.ok(bed.secrets.length > 1);
  bed.ring.close();
  t.match(bed.reserve(0), /no longer/);
});

void t.test('a wrong secret is refused', (t) => {
  const bed = new Bed();
  t.match(bed.ring.reserve(randomBytes(32)), /not, or no longer/);
  bed.mustReserve();
  t.end();
});
