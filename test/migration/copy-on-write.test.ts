// Memory that a parent and its workers share by copy-on-write travels once, and is in the target's memory once.
import t from 'tap';
import { moveWorkers } from '../helpers/common-memory.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { unless } from '../helpers/skip-unless.ts';

const skip = await unless('hosts', 'godwit', 'command:cc');

for (const isWriting of [false, true]) {
  const how = isWriting ? 'while the parent writes into a sixteenth of it' : 'at rest';
  await t.test(`32 workers with 48 MiB in common, ${how}`, { skip, timeout: 240_000 }, async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    await hosts.b.receive();
    const { wire, memory, verdict } = await moveWorkers(hosts.a, hosts.b, 48, isWriting);
    t.equal(verdict, 'ok');
    // Each process has stacks, data and a page of its own besides, and the parent what it has written. That is sent again, too.
    t.ok(wire > 0.9 && wire < (isWriting ? 1.6 : 1.3), `on the wire ${wire.toFixed(2)} of what they share`);
    t.ok(memory > 0.9 && memory < 1.3, `in memory ${memory.toFixed(2)} of it`);
    t.strictSame(await hosts.a.lastingLeftovers(), []);
  });
}
