// The file behind a mapping, found by its name where map_files may not be used.
import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { linkOfMapping } from '../../../src/kernel/mapped-file.ts';
import { readMaps } from '../../../src/kernel/proc/maps.ts';

process.env['GODWIT_WITHOUT'] = 'map-files';

function ownProgram(): NonNullable<ReturnType<typeof readMaps>>[number] {
  const found = readMaps('self')?.find(({ path }) => path === process.execPath);
  if (found === undefined) throw new Error(`${process.execPath} is not mapped`);
  return found;
}

t.test('the name leads to the file', (t) => {
  const path = linkOfMapping(process.pid, ownProgram());
  t.equal(path, `/proc/${process.pid}/root${process.execPath}`);
  t.equal(statSync(path).ino, statSync(process.execPath).ino);
  t.end();
});

t.test('another file of that name is not taken for it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-mapped-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true });
  });
  const mapped = { ...ownProgram(), path: join(directory, 'program') };
  const refused = { code: 'NO_RIGHTS', message: /CAP_CHECKPOINT_RESTORE/ };
  t.throws(() => linkOfMapping(process.pid, mapped), refused, 'no file at all');
  const unmapped = { ...mapped, start: 4096, end: 8192 };
  t.equal(
    linkOfMapping(process.pid, unmapped),
    `/proc/${process.pid}/root${mapped.path}`,
    'nothing is there',
  );
  copyFileSync(process.execPath, `${mapped.path}.new`);
  renameSync(`${mapped.path}.new`, mapped.path);
  t.throws(() => linkOfMapping(process.pid, mapped), {
    code: 'NO_RIGHTS',
    message: 'CAP_CHECKPOINT_RESTORE',
  });
  t.end();
});

t.test('a file without a name needs the right', (t) => {
  t.throws(() => linkOfMapping(process.pid, { ...ownProgram(), deleted: true }), { code: 'NO_RIGHTS' });
  t.end();
});
