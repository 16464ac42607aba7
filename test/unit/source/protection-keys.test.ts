// Which mappings make smaps worth reading in the freeze, and which keys the answers of the kernel name.
import t from 'tap';
import { parseSmaps } from '../../../src/kernel/proc/smaps.ts';
import { Program } from '../../../src/kernel/program.ts';
import { may } from '../../../src/kernel/rights.ts';
import { runLocal } from '../../../src/kernel/local-program.ts';
import { askProtectionKeys, mayHaveKey } from '../../../src/source/state/protection-keys.ts';

const mapping = (range: string, name: string, key: number): string =>
  `${range} 00000000 00:00 0 ${name}\nSize: 4 kB\nProtectionKey: ${key}\nVmFlags: mr mw me\n`;

void t.test('memory with a key, and such as the kernel may give one; not the page of vsyscalls', (t) => {
  const entries = parseSmaps(
    '00008000-00009000 rw-p 00000000 00:00 0 \nSize: 4 kB\n' + // a CPU without keys
      mapping('10000-11000 rw-p', '', 0) +
      mapping('20000-21000 rw-p', '', 4) +
      mapping('30000-31000 --xp', '', 0) +
      mapping('40000-41000 r-xp', '', 0) +
      mapping('ffffffffff600000-ffffffffff601000 --xp', '[vsyscall]', 0),
  );
  t.same(
    entries.filter(mayHaveKey).map(({ start }) => start),
    [0x2_0000, 0x3_0000],
  );
  t.end();
});

const skip = may('protection-keys') ? false : 'this machine has no protection keys, or no root';

void t.test('the keys that this very process has are told, and asking changes none', { skip }, (t) => {
  const ask = (): number | undefined => {
    const program = new Program();
    const keys = askProtectionKeys(program);
    return keys(runLocal(program));
  };
  const before = ask() ?? 0;
  t.equal(before & 1, 1, 'key 0 is there from the start');
  t.equal(ask(), before);
  const alloc = new Program();
  const answer = alloc.call('pkey_alloc', 0, 0);
  const key = runLocal(alloc).number(answer);
  t.equal(ask(), before | (1 << key));
  const free = new Program();
  free.call('pkey_free', key);
  runLocal(free);
  t.equal(ask(), before);
  t.end();
});
