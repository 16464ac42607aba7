// Transparent huge pages: memory that asks for them (MADV_HUGEPAGE) has as many on the target, for the advice is there before the first page; and
// what has small pages takes no more memory than before.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { mustRun, until } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';

t.setTimeout(120_000);
const offered = '/sys/kernel/mm/transparent_hugepage/enabled';
const skip = (await unless('hosts', 'godwit', 'command:cc')) || isOff();
const source = fileURLToPath(new URL('huge-advice.c', import.meta.url));

function isOff(): string | false {
  try {
    return readFileSync(offered, 'latin1').includes('[never]') ? 'transparent huge pages are off' : false;
  } catch {
    return 'this kernel has no transparent huge pages';
  }
}

interface Rollup {
  readonly hugeKib: number;
  readonly ownKib: number;
}

function rollupOf(pid: number): Rollup {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const field = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]);
  return { hugeKib: field('AnonHugePages'), ownKib: field('Anonymous') };
}

await t.test('memory that asks for huge pages has them on the target', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const binary = join(hosts.scratch, 'huge-advice');
  await mustRun('cc', ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-o', binary, source]);
  const program = await a.spawn(binary);
  await until('it is ready', () => program.log().includes('ready'));
  const outside = (host: typeof a): number => host.process(program.pid)?.outsidePid ?? 0;
  const before = rollupOf(outside(a));
  const flight = await a.migrate(program.pid, b);
  t.equal(flight.code, 0, flight.stdout);
  const after = rollupOf(outside(b));
  // A machine without a free huge page gives small ones, to the source as to the target.
  t.ok(after.hugeKib >= before.hugeKib, `${after.hugeKib} KiB of huge pages, of ${before.hugeKib}`);
  t.ok(after.ownKib <= before.ownKib + 1024, `${after.ownKib} KiB, of ${before.ownKib}`);
  b.kill(program.pid, 'SIGUSR1');
  await b.waitGone(program.pid);
  t.match(program.log(), /ok\n/, 'its memory is as it wrote it');
});
