import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import type { GodwitError } from '../../src/errors.ts';
import { readyLine, startDaemon } from '../../src/target/daemon.ts';
import { compress } from '../../src/kernel/page-codec.ts';
import type { Compression } from '../../src/transport/codec.ts';
import { connectControl, connectPages } from '../../src/transport/connect.ts';
import type { ControlConnection } from '../../src/transport/control-connection.ts';
import { plaintext } from '../../src/transport/security.ts';
import { greet } from '../../src/transport/handshake.ts';
import { check, final, identity, stage } from '../unit/transport/samples.ts';
import { begin, checksum, startBed } from './daemon-bed.ts';
import type { Bed, Migration } from './daemon-bed.ts';

async function endOf(control: ControlConnection<'source'>): Promise<GodwitError> {
  return new Promise((resolve) => {
    control.onEnd(resolve);
  });
}

async function sendPages({ control, pages }: Migration, round: number): Promise<void> {
  for (let i = 0; i < 20; i++) {
    const block = await pages.acquire();
    const runs = Float64Array.of(0x10_0000, block.payload.length);
    pages.send(block, { round, space: 7, kind: 'space', runs, runCount: 1 });
  }
  control.send({ type: 'round-end', round, lastSequence: pages.lastSequence });
  const acked = await control.expect('round-acked', { timeoutMs: 10_000 });
  if (acked.lastSequence !== pages.lastSequence) throw new Error('not all frames were acknowledged');
}

async function fly(t: Test, bed: Bed, migrationId: string): Promise<void> {
  const migration = await begin(t, bed, migrationId);
  const { control, pages } = migration;
  control.send(check);
  t.same((await control.expect('checked')).blockers, []);
  control.send(stage);
  await control.expect('staged');
  await sendPages(migration, 0);
  await sendPages(migration, 1);
  control.send({ ...final, lastSequence: pages.lastSequence } as typeof final);
  t.same((await control.expect('prepared')).times, { apply: 1 });
  control.send({ type: 'commit' });
  t.same((await control.expect('running')).times, { run: 1 });
  await control.close();
  t.equal(pages.lastAcked, 40);
}

void t.test(
  'whole migrations run through workers of their own, one after the other and at once',
  async (t) => {
    const bed = await startBed(t);
    t.match(readyLine(bed.daemon), /^listening on 127\.0\.0\.1:\d+$/);
    await fly(t, bed, 'first');
    await Promise.all(['a', 'b', 'c'].map(async (id) => fly(t, bed, id)));
    await bed.logged(/migration c: over/);
    const pids = bed.log.flatMap((line) => /pid (\d+) serves/.exec(line)?.[1] ?? []);
    t.equal(new Set(pids).size, 4, 'four processes');
  },
);

void t.test('a worker that crashes is noticed by its source at once, and harms no other', async (t) => {
  const bed = await startBed(t);
  const other = await begin(t, bed, 'other');
  const { control } = await begin(t, bed, 'crash-1');
  const ended = endOf(control);
  control.send(stage);
  t.match(await ended, { code: 'PEER', hint: /log of the target/ });
  await bed.logged(/migration crash-1: its worker was killed by SIGKILL/);
  other.control.send(stage);
  await other.control.expect('staged');
  await fly(t, bed, 'next');
});

void t.test('the reason of a failed session reaches the source and the log', async (t) => {
  const bed = await startBed(t);
  const full = await begin(t, bed, 'full-1');
  full.control.send(stage);
  await t.rejects(full.control.receive(), {
    code: 'NO_SPACE',
    message: 'no memory for pid 7',
    hint: 'add swap',
  });
  await bed.logged(/full-1: NO_SPACE: no memory for pid 7 \(add swap\)/);
  const bug = await begin(t, bed, 'bug-1');
  bug.control.send(stage);
  await t.rejects(bug.control.receive(), { code: 'INTERNAL', message: 'undefined is not a tree' });
  await bed.logged(/bug-1:[^]*fake-worker/);
});

void t.test('an abort of the source ends the worker', async (t) => {
  const bed = await startBed(t);
  const { control } = await begin(t, bed, 'm1');
  control.send({ type: 'abort', reason: { code: 'CANCELLED', message: 'Ctrl-C was pressed' } });
  await bed.logged(/m1: CANCELLED: the source says: Ctrl-C was pressed/);
  await bed.logged(/m1: its worker ended with code 1/);
});

void t.test('a source that dies ends its worker', async (t) => {
  const bed = await startBed(t);
  const { control } = await begin(t, bed, 'm1');
  control.terminate();
  await bed.logged(/m1: PEER: the source closed the connection/);
  await bed.logged(/m1: its worker ended with code 1/);
});

void t.test('a bad page frame ends the migration, and the source learns why', async (t) => {
  const bed = await startBed(t);
  const { control, pages } = await begin(t, bed, 'm1');
  const ended = endOf(control);
  pages.sendZero({ round: 0, space: 7, kind: 'space', runs: Float64Array.of(1, 4096), runCount: 1 });
  t.match(await ended, { code: 'PROTOCOL', message: /whole pages/ });
});

void t.test('compressed frames are taken, and one that is not what it says ends the migration', async (t) => {
  const bed = await startBed(t);
  for (const codec of ['lz4', 'zstd'] as const) {
    // What a source that means no good puts in the place of the third frame's content.
    const lies: Record<string, (from: Uint8Array, into: Uint8Array) => Promise<number>> = {
      garbage: async (_from, into) => Promise.resolve(into.fill(0xee).length),
      bomb: async (_from, into) => compress(codec, Buffer.alloc(64 << 20), into),
      less: async (from, into) => compress(codec, from.subarray(0, -4096), into),
      trailing: async (from, into) => (await compress(codec, from, into)) + 1,
    };
    for (const [name, lie] of Object.entries(lies)) {
      let frames = 0;
      const compression: Compression = {
        choose: () => codec,
        compress: async (_codec, from, into) =>
          ++frames === 3 ? lie(from, into) : compress(codec, from, into),
      };
      const { control, pages } = await begin(t, bed, `${codec}-${name}`, { compression });
      const ended = endOf(control);
      for (let i = 0; i < 3; i++) {
        const block = await pages.acquire();
        block.payload.fill(i + 1);
        const runs = Float64Array.of(i * 2 ** 20, 2 ** 20);
        pages.send(block, { round: 0, space: 7, kind: 'space', runs, runCount: 1 });
        if (i === 1) await pages.flush();
      }
      t.equal(pages.lastAcked, 2, `${codec}: those before ${name} were taken`);
      t.match(await ended, { code: 'PROTOCOL', message: /does not expand/ }, `${codec}: ${name}`);
    }
  }
});

void t.test('a second control connection of a running migration is refused with its reason', async (t) => {
  const bed = await startBed(t);
  await begin(t, bed, 'm1');
  await t.rejects(connectControl(bed.endpoint, 'm1', { security: plaintext }), {
    code: 'REFUSED',
    message: /m1 is already running/,
  });
  await t.rejects(connectPages(bed.endpoint, 'm2', { passage: undefined, checksum }), {
    code: 'PEER',
    message: /no running migration m2/,
  });
});

void t.test(
  'a resolve gets a worker of its own, also when the one before still hangs on a dead link',
  async (t) => {
    const bed = await startBed(t, { graceMs: 200 });
    const { control: dead } = await begin(t, bed, 'stuck-1');
    dead.send(stage);
    await bed.logged(/is stuck/);
    for (let i = 0; i < 2; i++) {
      const control = await connectControl(bed.endpoint, 'stuck-1', {
        security: plaintext,
        purpose: 'resolve',
      });
      await greet(control, { ...identity, migrationId: 'stuck-1', purpose: 'resolve', plaintext: false });
      control.send({ type: 'resolve', migrationId: 'stuck-1', verdict: 'commit' });
      t.equal((await control.expect('resolved')).state, 'prepared');
      await control.close();
    }
    await bed.logged(/stuck-1: its worker was killed by SIGKILL/);
  },
);

void t.test('a worker that can end by itself is not killed for a resolve', async (t) => {
  const bed = await startBed(t);
  await begin(t, bed, 'm1');
  const control = await connectControl(bed.endpoint, 'm1', { security: plaintext, purpose: 'resolve' });
  await bed.logged(/m1: its worker ended with code 1/);
  await control.close();
});

void t.test('stopping the daemon ends sessions before PREPARED, and the source is told', async (t) => {
  const bed = await startBed(t);
  const { control } = await begin(t, bed, 'm1');
  const ended = endOf(control);
  await bed.daemon.stop();
  t.match(await ended, { code: 'CANCELLED', message: /receive is being stopped/ });
  await t.rejects(connectControl(bed.endpoint, 'm2', { security: plaintext }), {
    code: 'PEER',
    message: /nothing listens there/,
  });
});

void t.test('stopping the daemon lets a session behind PREPARED come to its end', async (t) => {
  const bed = await startBed(t);
  const { control } = await begin(t, bed, 'm1');
  control.send(stage);
  await control.expect('staged');
  control.send({ ...final, lastSequence: 0 } as typeof final);
  await control.expect('prepared');
  const stopping = bed.daemon.stop();
  await new Promise((resolve) => setTimeout(resolve, 300));
  control.send({ type: 'commit' });
  await control.expect('running');
  await control.close();
  await stopping;
});

void t.test('a worker that does not stop is killed', async (t) => {
  const bed = await startBed(t, { graceMs: 100 });
  const { control } = await begin(t, bed, 'stuck-1');
  control.send(stage);
  await bed.logged(/serves/);
  await bed.daemon.stop();
  await bed.logged(/stuck-1: its worker/);
});

void t.test('a port in use is said so, and what is not encrypted is warned of', async (t) => {
  const busy = createServer();
  await new Promise<void>((resolve) => {
    busy.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => busy.close());
  const { port } = busy.address() as AddressInfo;
  const options = { security: plaintext, log: () => undefined };
  await t.rejects(startDaemon({ ...options, listen: String(port) }), {
    code: 'USAGE',
    message: /port is in use/,
  });
  await t.rejects(startDaemon({ ...options, listen: '192.0.2.1:0' }), {
    message: /no such address/,
  });
  const open = await startBed(t, { listen: '0.0.0.0:0' });
  t.match(open.log, [/warning: the connection is not encrypted/]);
});
