// Headers are read in two ways; what the fast one takes, msgpack and the schema take alike, and what those refuse is refused.
import t from 'tap';
import {
  decodeAnyHeader,
  decodeHeader,
  encodeHeaderBefore,
  type Header,
} from '../../../src/transport/page-header.ts';
import { packMessage } from '../../../src/transport/wire-codec.ts';

const plain: Header = {
  sequence: 5,
  round: 1,
  space: 7,
  kind: 'space',
  zero: false,
  runs: 3,
  checksum: 0xfedc_ba98_7654_3210n,
};
const samples: readonly Header[] = [
  plain,
  { ...plain, kind: 'object', zero: true, checksum: 0n },
  { ...plain, sequence: Number.MAX_SAFE_INTEGER, space: 4_194_304, runs: 4096, round: 2 ** 40 },
  { ...plain, codec: 'lz4' },
  { ...plain, codec: 'zstd', delta: 77 },
];

function encoded(header: Header): Buffer {
  const block = Buffer.alloc(300, 0xee);
  const length = encodeHeaderBefore(block, 280, header);
  t.equal(block[280 - length - 1], 0xee, 'nothing in front of it is written');
  t.equal(block[280], 0xee, 'nothing behind it is written');
  return block.subarray(280 - length, 280);
}

function verdict(decode: (bytes: Buffer) => Header, bytes: Buffer): unknown {
  try {
    return Object.entries(decode(bytes)).sort(([a], [b]) => a.localeCompare(b)).map(([key, value]) => `${key}: ${value}`);
  } catch (error) {
    return String(error);
  }
} // prettier-ignore

void t.test('a header comes back as it was written, however it is read', async (t) => {
  for (const header of samples) {
    for (const bytes of [encoded(header), packMessage(header)]) {
      t.same(decodeHeader(bytes), header);
      t.same(decodeAnyHeader(bytes), header);
    }
  }
});

void t.test('one that does not fit is not written', async (t) => {
  for (const header of samples) {
    const block = Buffer.alloc(20, 0xee);
    t.ok(encodeHeaderBefore(block, 20, header) > 20);
    t.same(block, Buffer.alloc(20, 0xee));
  }
});

void t.test('numbers that the schema refuses are refused', async (t) => {
  const bad: Partial<Header>[] = [
    { sequence: 0 }, { sequence: 0.5 }, { sequence: 2 ** 53 }, { round: -1 }, { round: NaN }, { round: Infinity },
    { space: 4_194_305 }, { space: -1 }, { runs: 0 }, { runs: 4097 }, { runs: 1.5 },
  ]; // prettier-ignore
  for (const change of bad) {
    const bytes = Buffer.from(encoded({ ...plain, ...change }));
    t.throws(() => decodeHeader(bytes), { code: 'PROTOCOL', message: /has a bad header/ }, Object.keys(change).join());
  } // prettier-ignore
});

void t.test('changed in any bit, cut anywhere, it is taken or refused as by the schema', async (t) => {
  const differing: string[] = [];
  const look = (bytes: Buffer, what: string): void => {
    const [one, other] = [verdict(decodeHeader, bytes), verdict(decodeAnyHeader, bytes)];
    if (JSON.stringify(one) !== JSON.stringify(other)) differing.push(what);
  };
  for (const [number, header] of samples.entries()) {
    const bytes = encoded(header);
    for (let length = 0; length < bytes.length; length++)
      look(bytes.subarray(0, length), `${number} cut at ${length}`);
    look(Buffer.concat([bytes, Buffer.of(0)]), `${number} and more`);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      look(changed, `${number} with bit ${bit} changed`);
    }
    for (let i = 0; i < bytes.length; i++) {
      for (const value of [0x00, 0x7f, 0x80, 0xc0, 0xc2, 0xc3, 0xcb, 0xcf, 0xd3, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[i] = value;
        look(changed, `${number} with ${value} at ${i}`);
      }
    }
  }
  t.same(differing, []);
});
