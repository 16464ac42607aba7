// What is forwarded on this host, for `godwit status`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ForwardRecordFile, readForwardRecords } from '../../../src/kernel/forward-record.ts';

t.test('one file a process, as long as it lives', (t) => {
  process.env['GODWIT_RUN_DIR'] = t.testdir();
  t.teardown(() => delete process.env['GODWIT_RUN_DIR']);
  const folder = join(process.env['GODWIT_RUN_DIR'], 'forwarding');
  t.strictSame(readForwardRecords(), [], 'nothing was ever forwarded');
  const now = { connections: ['10.0.0.5:80 10.0.0.9:4000'], there: 5, back: 7 };
  const file = new ForwardRecordFile('m1', 'source', '10.0.0.7:7070');
  file.write(now);
  const [record] = readForwardRecords();
  t.match(record, { id: 'm1', role: 'source', pid: process.pid, peer: '10.0.0.7:7070', ...now });
  const dead = { ...record, id: 'm2', startTime: (record?.startTime ?? 0) + 1 };
  writeFileSync(join(folder, 'm2.source.json'), JSON.stringify(dead));
  writeFileSync(
    join(folder, 'm3.target.json'),
    readFileSync(join(folder, 'm2.source.json'), 'utf8').slice(9),
  );
  t.strictSame(
    readForwardRecords().map(({ id }) => id),
    ['m1'],
    'a number that was used again counts for nothing, nor half a file',
  );
  t.strictSame(readdirSync(folder), ['m1.source.json'], 'and both are removed');
  file[Symbol.dispose]();
  t.notOk(existsSync(folder), 'the last one takes the folder along');
  t.end();
});
