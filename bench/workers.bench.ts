// What 32 workers that share memory with their parent by copy-on-write take of the wire and of the target's memory, at rest and while
// the parent writes into a sixteenth of it. GODWIT_MIB: how much they share (1024).
import { moveWorkers } from '../test/helpers/common-memory.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { needHosts } from './lib/hosts.ts';
import { reportFlight } from './lib/report.ts';
import { sizeOf } from './lib/sizes.ts';

const mib = sizeOf('GODWIT_MIB', 1024, 64);
await needHosts();
for (const isWriting of [false, true]) {
  await using hosts = await makeHosts({ count: 2 });
  await hosts.b.receive();
  const { wire, memory, verdict, report } = await moveWorkers(hosts.a, hosts.b, mib, isWriting);
  reportFlight(`32 workers, ${mib} MiB in common`, report);
  console.log(
    `32 workers, ${mib} MiB in common, ${isWriting ? 'the parent writes' : 'at rest'}: on the wire ${wire.toFixed(2)} of it, in memory ` +
      `${memory.toFixed(2)}; downtime ${String(report['downtime'])} ms of ${String(report['total-time'])}: ${verdict}`,
  );
  if (verdict !== 'ok') process.exitCode = 1;
}
