import t from 'tap';
import { Packr } from 'msgpackr';
import { scanMsgpack } from '../../../src/transport/msgpack-scan.ts';
import { packMessage, unpackMessage } from '../../../src/transport/wire-codec.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

void t.test('what our own encoder writes passes, whatever the widths', async (t) => {
  const value = {
    integers: [
      0,
      127,
      128,
      255,
      256,
      65_535,
      65_536,
      2 ** 32,
      2 ** 47,
      -1,
      -32,
      -33,
      -129,
      -40_000,
      -(2 ** 40),
      1.5,
    ],
    bigints: [0n, -1n, 2n ** 64n - 1n, -(2n ** 63n)],
    strings: ['', 'a', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(300), 'ü'.repeat(40_000)],
    bytes: [new Uint8Array(0), new Uint8Array(255), new Uint8Array(256), new Uint8Array(70_000)],
    arrays: [[], new Array(15).fill(1), new Array(16).fill(2), new Array(70_000).fill(null)],
    map: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i % 2 === 0])),
    nothing: undefined,
  };
  const bytes = packMessage(value);
  scanMsgpack(bytes);
  t.same(unpackMessage(bytes), { ...value, bytes: value.bytes.map((b) => Buffer.from(b)) });
});

void t.test('every proper prefix of a message is refused, and so is a byte too many', async (t) => {
  const bytes = packMessage({ a: [1, 'two', 3n, 4.5, new Uint8Array(5), { six: null }], b: 'x'.repeat(40) });
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => { scanMsgpack(bytes.subarray(0, length)); }, { code: 'PROTOCOL' }); // prettier-ignore
  }
  t.throws(() => { scanMsgpack(Buffer.concat([bytes, Buffer.from([0])])); }, { message: /left over/ }); // prettier-ignore
});

void t.test('counts past the end are refused before anything is allocated', async (t) => {
  t.throws(() => unpackMessage(hex('dd ff ff ff ff')), { code: 'PROTOCOL' }, 'array of 2^32 - 1');
  t.throws(() => unpackMessage(hex('df 7f ff ff ff')), { code: 'PROTOCOL' }, 'map');
  t.throws(() => unpackMessage(hex('c6 ff ff ff ff 00')), { code: 'PROTOCOL' }, 'bytes');
  t.throws(() => unpackMessage(hex('db 00 00 00 05 61')), { code: 'PROTOCOL' }, 'string');
});

void t.test('extensions of every form are refused: records would generate code', async (t) => {
  const records = new Packr({ useRecords: true });
  t.throws(() => unpackMessage(records.pack({ a: 1 })), { message: /extension/ }, 'a record definition');
  t.throws(
    () => unpackMessage(new Packr({ useRecords: false }).pack(new Date())),
    { message: /extension/ },
    'a date',
  );
  for (const tag of [
    'c7 00 01',
    'c8 00 00 01',
    'c9 00 00 00 00 01',
    'd4 72 40',
    'd5 72 40 00',
    'd8 01',
    'c1',
  ]) {
    t.throws(() => unpackMessage(hex(tag)), { code: 'PROTOCOL' }, tag);
  }
});

void t.test('nesting is limited, and its check needs no stack', async (t) => {
  const nested = (depth: number): Uint8Array =>
    new Uint8Array([...new Array<number>(depth).fill(0x91), 0xc0]);
  scanMsgpack(nested(32));
  t.throws(() => { scanMsgpack(nested(33)); }, { code: 'LIMIT' }); // prettier-ignore
  t.throws(() => { scanMsgpack(nested(100_000)); }, { code: 'LIMIT' }); // prettier-ignore
});

void t.test('random bytes never make anything but a GodwitError', async (t) => {
  let state = 20_260_715;
  const random = (): number => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = new Uint8Array(1 + Math.floor(random() * 40)).map(() => Math.floor(random() * 256));
    try {
      unpackMessage(bytes);
    } catch (error) {
      if (!['PROTOCOL', 'LIMIT'].includes((error as { code: string }).code)) throw error;
      refused++;
    }
  }
  t.ok(refused > 10_000, `${refused} of 20,000 refused`);
});
