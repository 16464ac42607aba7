// A control connection whose link breaks while the tree runs: no message is lost, doubled or late, and it ends where it must.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { GodwitError } from '../../../src/errors.ts';
import { ControlConnection } from '../../../src/transport/control-connection.ts';
import { acceptGreeting, greet } from '../../../src/transport/handshake.ts';
import { encodeAck } from '../../../src/transport/page-ack.ts';
import type { Redial } from '../../../src/transport/redial.ts';
import { exchange, type Exchange } from './pair-again.ts';
import { final, identity, stage } from './samples.ts';

interface Bed extends Exchange {
  readonly source: ControlConnection<'source'>;
  readonly target: ControlConnection<'target'>;
  readonly told: string[];
}

interface BedOptions {
  readonly redial?: (dial: Redial) => Redial;
  /** Milliseconds that the target waits; undefined: it does not. */
  readonly patienceMs?: number;
  readonly deadAfterMs?: number;
}

async function greeted(t: Test, { redial, patienceMs = 5000, deadAfterMs }: BedOptions = {}): Promise<Bed> {
  let target: ControlConnection<'target'> | undefined;
  const way = await exchange(t, 'control', (ws, socket) => {
    if (target === undefined) target = new ControlConnection('target', ws, socket);
    else target.resume(ws, socket);
  });
  const told: string[] = [];
  let source: ControlConnection<'source'> | undefined;
  await way.dial((ws, socket) => {
    source = new ControlConnection('source', ws, socket, {
      ...(deadAfterMs !== undefined && { deadAfterMs }),
      reconnect: {
        redial: redial?.(way.dial) ?? way.dial,
        onBroken: ({ message }) => told.push(`broken: ${message}`),
        onWhole: () => told.push('whole'),
      },
    });
  });
  if (source === undefined || target === undefined) throw new Error('not connected');
  await Promise.all([
    greet(source, { ...identity, migrationId: 'm1', purpose: 'migrate', plaintext: false }),
    acceptGreeting(target, 'm1', identity),
  ]);
  target.awaitReconnect(() => patienceMs);
  return { source, target, told, ...way };
}

const endOf = async (control: {
  onEnd(callback: (reason: GodwitError) => void): void;
}): Promise<GodwitError> =>
  new Promise((resolve) => {
    control.onEnd(resolve);
  });

void t.test('what was said while there was no link arrives, once and in order', async (t) => {
  const { source, target, told, cut, stall } = await greeted(t);
  source.send({ type: 'clock-probe', n: 1 });
  t.match(await target.receive(), { type: 'clock-probe', n: 1 });
  stall();
  source.send({ type: 'clock-probe', n: 2 }); // the kernel has it, and loses it
  await sleep(20);
  cut();
  source.send({ type: 'clock-probe', n: 3 });
  target.send({ type: 'log', level: 'info', text: 'meanwhile' });
  const heard = new Promise<string>((resolve) => {
    source.handle('log', ({ text }) => {
      resolve(text);
    });
  });
  t.match(await target.receive(), { type: 'clock-probe', n: 2 });
  t.match(await target.receive(), { type: 'clock-probe', n: 3 });
  t.equal(await heard, 'meanwhile');
  source.send(stage);
  t.match(await target.receive(), { type: 'stage' });
  target.send({ type: 'staged', ms: 1 });
  t.equal((await source.expect('staged')).ms, 1);
  t.match(told, [/^broken: /, 'whole']);
});

void t.test('a link that breaks a hundred times', { timeout: 60_000 }, async (t) => {
  const { source, target, cut } = await greeted(t);
  const said = 2000;
  const replies: number[] = [];
  source.handle('log', ({ text }) => replies.push(Number(text)));
  const probes: number[] = [];
  target.handle('clock-probe', ({ n }) => {
    probes.push(n);
    target.send({ type: 'log', level: 'info', text: String(n) });
  });
  for (let n = 0; n < said; n++) {
    source.send({ type: 'clock-probe', n });
    if (n % 20 === 10) cut();
    if (n % 7 === 0) await sleep(1);
  }
  const all = Array.from({ length: said }, (_, n) => n);
  while (replies.length < said) await sleep(5);
  t.strictSame(probes, all);
  t.strictSame(replies, all);
});

void t.test('silence breaks a link, too; what the peer has told to have is not kept', async (t) => {
  const { source, target, told, stall } = await greeted(t, { deadAfterMs: 40 });
  for (let n = 0; n < 50; n++) {
    source.send({ type: 'clock-probe', n });
    t.match(await target.receive(), { n });
  }
  await sleep(60); // pings
  stall();
  source.send({ type: 'clock-probe', n: 50 });
  t.match(await target.receive(), { n: 50 });
  t.match(told, [/^broken: .*has been silent for 80 ms/, 'whole']);
});

void t.test('nothing comes back once the tree is to be frozen', async (t) => {
  await t.test('while the link stands', async (t) => {
    const { source, target, told, cut } = await greeted(t);
    source.forbidResuming();
    cut();
    t.match(await endOf(source), { code: 'PEER' });
    t.strictSame(told, []);
    t.throws(() => { source.send(stage); }, { code: 'PEER' }); // prettier-ignore
    target.terminate();
  });
  await t.test('while it is broken', async (t) => {
    const never: Redial = async () => new Promise(() => undefined);
    const { source, target, cut } = await greeted(t, { redial: () => never });
    cut();
    while (!source.ended.aborted) {
      await sleep(1);
      try {
        source.send({ type: 'clock-probe', n: 1 });
        source.forbidResuming();
      } catch (error) {
        t.match(error, { code: 'PEER' });
      }
    }
    target.terminate();
  });
  await t.test('on the side that waits', async (t) => {
    const { source, target, cut } = await greeted(t);
    source.send(stage);
    await target.receive();
    target.send({ type: 'staged', ms: 1 });
    await source.expect('staged');
    source.send(final);
    t.match(await target.receive(), { type: 'final' });
    cut();
    t.match(await endOf(target), { code: 'PEER' }, 'it gives up what it has built');
    t.match(await endOf(source), { code: 'PEER' });
  });
});

void t.test('a process that has ended does not come back', async (t) => {
  const { source, target, told } = await greeted(t);
  const ends = Promise.all([endOf(source), endOf(target)]);
  await source.close();
  t.match(await ends, [{ message: /by this side/ }, { message: /the source closed the connection/ }]);
  t.strictSame(told, []);
});

void t.test('time is up', async (t) => {
  const refusing: Redial = async () =>
    Promise.reject(new GodwitError('PEER', 'the target knows no running migration m1'));
  const { source, target, cut } = await greeted(t, { redial: () => refusing, patienceMs: 100 });
  cut();
  t.match(await endOf(source), {
    code: 'PEER',
    message: /; no other connection took its place: the target knows no/,
  });
  t.match(await endOf(target), { code: 'PEER' }, 'the target waits no longer than it said');
});

void t.test('a peer that counts otherwise', async (t) => {
  for (const first of [encodeAck(1000), Buffer.from('garbage')]) {
    const { source, target, cut } = await greeted(t, {
      redial: (dial) => async (attach) =>
        dial((ws, socket) => {
          const send = ws.send.bind(ws);
          ws.send = ((data: Buffer, done: () => void) => {
            ws.send = send;
            ws.send(data.length === 12 ? first : data, done);
          }) as typeof ws.send;
          attach(ws, socket);
        }),
    });
    cut();
    t.match(await endOf(target), { code: 'PROTOCOL', message: /another count of messages/ });
    source.terminate();
  }
});
