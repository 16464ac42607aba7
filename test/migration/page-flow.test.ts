// How pages travel (--compress, --bandwidth): whatever is chosen, the workload finds in its memory what it wrote.
import t from 'tap';
import { sleep } from '../helpers/commands.ts';
import type { Host, MigrateResult } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain, roundsTimeoutMs, thereAndBack } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startWorkload, verdictOf } from '../helpers/workloads.ts';

t.setTimeout(roundsTimeoutMs);
const skip = await unless('hosts', 'godwit', 'command:cc');

interface Packed {
  readonly codec: string;
  readonly reason: string;
  readonly 'page-bytes': Readonly<Record<'none' | 'lz4' | 'zstd', number>>;
  readonly 'compressed-size': number;
  readonly 'compression-rate': number;
}

function packedOf(result: MigrateResult, to: Host): Packed {
  if (result.code !== 0 || result.report === undefined) throw new Error(explain(result, to));
  return result.report['compression'] as Packed;
}

await t.test('memory is the same after each codec, there and back', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  for (const codec of ['lz4', 'zstd', 'none', 'auto']) {
    const workload = await startWorkload(hosts.a, 'touch', ['16', '20000', '8']);
    const work = async (): Promise<void> => sleep(100);
    const at = await thereAndBack(t, hosts, workload.pid, work, ['--compress', codec]);
    t.equal(await verdictOf(at, workload), 'ok', codec);
  }
});

await t.test('what is asked for is what is done, and the report tells it', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  for (const codec of ['lz4', 'zstd'] as const) {
    for (const copies of ['8', '1']) {
      const workload = await startWorkload(a, 'touch', ['16', '1000', copies]);
      const result = await a.migrate(workload.pid, b, { args: ['--compress', codec] });
      const packed = packedOf(result, b);
      t.match(packed, { codec, reason: 'asked for' });
      const { none, [codec]: bytes } = packed['page-bytes'];
      if (copies === '8') {
        t.ok(bytes > 16 * 2 ** 20 * 0.9, `${codec}: ${bytes} bytes of pages were compressed`);
        t.ok(packed['compression-rate'] > 3, `to a part of ${packed['compression-rate']}`);
        const { transferred } = result.report?.['ram'] as { transferred: number };
        t.ok(transferred < bytes / 3, `${transferred} bytes were sent`);
      } else {
        t.ok(none > 16 * 2 ** 20 * 0.9, `${none} random bytes went as they are`);
      }
      t.equal(await verdictOf(b, workload), 'ok');
    }
  }
});

await t.test('a limit holds while the tree runs, and not in the freeze', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const workload = await startWorkload(a, 'touch', ['32', '1000']);
  const result = await a.migrate(workload.pid, b, { args: ['--bandwidth', '16MB', '--compress', 'none'] });
  packedOf(result, b);
  // 32 MiB at 16 MB a second are 2.1 s, in round 0 alone; how much longer depends on who else uses this machine.
  const total = result.report?.['total-time'] as number;
  t.ok(total > 2000, `it took ${total} ms`);
  const { transferred } = result.report?.['ram'] as { transferred: number };
  const copying = total - (result.report?.['downtime'] as number);
  t.ok(transferred / copying < 16_000 * 1.3, `${transferred} bytes in ${copying} ms`);
  t.comment(
    `downtime ${String(result.report?.['downtime'])} ms, expected ${String(result.report?.['expected-downtime'])} ms`,
  );
  t.equal(await verdictOf(b, workload), 'ok');
});

await t.test('auto compresses where a limit makes the wire slow', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const workload = await startWorkload(a, 'touch', ['48', '1000', '8']);
  const result = await a.migrate(workload.pid, b, { args: ['--bandwidth', '16MB'] });
  const { 'page-bytes': bytes, reason } = packedOf(result, b);
  t.ok(bytes.lz4 + bytes.zstd > bytes.none, `${JSON.stringify(bytes)}: ${reason}`);
  const first = result.lines.find((line) => 'round-time' in line)?.['compression'] as Packed;
  t.not(first.codec, 'none', `round 0: ${first.reason}`);
  t.equal(await verdictOf(b, workload), 'ok');
});
