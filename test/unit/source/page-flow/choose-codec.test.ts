import t from 'tap';
import { chooseCodec, type CodecFacts } from '../../../../src/source/page-flow/choose-codec.ts';

/** As measured on the heap of a redis: bytes of pages a second of one core. */
const heap = {
  lz4: { ratio: 1 / 2.8, compressBytesPerSecond: 1.0e9, expandBytesPerSecond: 3e9 },
  zstd: { ratio: 1 / 4.2, compressBytesPerSecond: 0.6e9, expandBytesPerSecond: 1.3e9 },
};
const random = {
  lz4: { ratio: 1, compressBytesPerSecond: 5e9, expandBytesPerSecond: Infinity },
  zstd: { ratio: 1, compressBytesPerSecond: 2e9, expandBytesPerSecond: Infinity },
};
const gbit = 1e9 / 8;

function choice(facts: Partial<CodecFacts>): string {
  return chooseCodec({ wireBytesPerSecond: gbit, samples: heap, cores: 2, frozen: false, ...facts }).codec;
}

void t.test(
  'at 1 Gbit/s it pays on any number of cores, and pages that shrink more are worth more time',
  (t) => {
    for (const cores of [1, 2, 4, 16]) t.not(choice({ cores }), 'none', `${cores} cores`);
    t.equal(choice({ cores: 4 }), 'zstd');
    t.end();
  },
);

void t.test('at 10 Gbit/s and on loopback it does not pay on two cores', (t) => {
  for (const wireBytesPerSecond of [0.7e9, 0.9e9, 10 * gbit, 5e9])
    t.equal(choice({ wireBytesPerSecond }), 'none', `${wireBytesPerSecond} B/s`);
  t.equal(choice({ wireBytesPerSecond: 5e9, cores: 64 }), 'none', 'nor at 40 Gbit/s on many');
  t.end();
});

void t.test('the slower the wire, the more it pays', (t) => {
  t.equal(choice({ wireBytesPerSecond: 0.1 * gbit }), 'zstd', '100 Mbit/s on two cores');
  t.equal(choice({ wireBytesPerSecond: 2.5 * gbit }), 'lz4', '2.5 Gbit/s on two cores');
  t.end();
});

void t.test('what does not shrink is never compressed', (t) => {
  for (const wireBytesPerSecond of [1e6, gbit, 10 * gbit])
    for (const frozen of [false, true])
      t.equal(choice({ wireBytesPerSecond, samples: random, frozen }), 'none');
  t.end();
});

void t.test('what is not known is not guessed', (t) => {
  t.equal(choice({ wireBytesPerSecond: undefined }), 'none');
  t.equal(choice({ samples: {} }), 'none');
  t.equal(choice({ samples: { lz4: heap.lz4 } }), 'lz4', 'one codec is enough');
  t.end();
});

void t.test(
  'in the freeze one frame alone must arrive earlier: compressing, wire and expanding in a row',
  (t) => {
    t.equal(choice({ frozen: true }), 'lz4', '1 + 2.9 + 0.3 ms instead of 8.4 a MiB');
    t.equal(choice({ frozen: true, wireBytesPerSecond: 0.3e9, cores: 64 }), 'lz4');
    t.equal(choice({ frozen: true, wireBytesPerSecond: 0.5e9, cores: 64 }), 'none');
    t.equal(
      choice({ frozen: false, wireBytesPerSecond: 0.5e9, cores: 64 }),
      'lz4',
      'where a pipe of them pays',
    );
    t.end();
  },
);

void t.test('the reason tells both speeds', (t) => {
  const { reason } = chooseCodec({ wireBytesPerSecond: gbit, samples: heap, cores: 4, frozen: false });
  t.match(reason, /^\d+ MB\/s of pages by zstd \(4\.2 times smaller\), 125 MB\/s without$/);
  t.end();
});
