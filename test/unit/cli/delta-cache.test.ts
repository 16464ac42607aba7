import t from 'tap';
import { parseDeltaCache } from '../../../src/cli/delta-cache.ts';

void t.test('sizes of the cache', (t) => {
  t.equal(parseDeltaCache('0'), 0);
  t.equal(parseDeltaCache('64MiB'), 64 << 20);
  t.equal(parseDeltaCache('1.5GB'), 1.5e9);
  for (const text of ['', '64', '64M', '-1MiB', '1Gbit', 'off'])
    t.throws(() => parseDeltaCache(text), { code: 'USAGE', message: /delta-cache takes 0, or/ }, text);
  for (const text of ['1kB', '100GiB']) t.throws(() => parseDeltaCache(text), { code: 'USAGE' }, text);
  t.end();
});
