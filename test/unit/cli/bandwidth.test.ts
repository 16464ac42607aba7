// --bandwidth RATE
import t from 'tap';
import { parseBandwidth } from '../../../src/cli/bandwidth.ts';

t.test('what is taken, in bytes a second', (t) => {
  t.equal(parseBandwidth(undefined), undefined);
  for (const [text, bytes] of [
    ['1Gbit', 125e6],
    ['2.5Gbit/s', 312.5e6],
    ['800Mbit', 100e6],
    ['1000kbit', 125e3],
    ['100MB', 100e6],
    ['100MB/s', 100e6],
    ['1GB', 1e9],
    ['500kB', 500e3],
    ['50MiB', 50 * 2 ** 20],
    ['1GiB/s', 2 ** 30],
    ['1000Gbit', 125e9],
  ] as const)
    t.equal(parseBandwidth(text), bytes, text);
  t.end();
});

t.test('what is not', (t) => {
  for (const wrong of [
    '',
    'fast',
    '100',
    '100M',
    '1G',
    '100mb',
    '100Mb',
    '1gbit',
    '1GBIT',
    '100 MB',
    '-1MB',
    '+1MB',
    '1e3MB',
    '.5MB',
    '1.MB',
    '0MB',
    '1kB',
    'NaNMB',
    'MB',
    '1MB/m',
    '1MB/s/s',
    '99999999999GB',
    '1constructor',
  ])
    t.throws(() => parseBandwidth(wrong), { code: 'USAGE' }, wrong);
  t.throws(() => parseBandwidth('100M'), { code: 'USAGE', hint: /100MB, bits a second: 1Gbit/ });
  t.end();
});
