import t from 'tap';
import type { Test } from 'tap';
import { GodwitError } from '../../../src/errors.ts';
import { ControlConnection } from '../../../src/transport/control-connection.ts';
import { acceptGreeting, greet } from '../../../src/transport/handshake.ts';
import { peerOrigin } from '../../../src/transport/problem.ts';
import { packMessage } from '../../../src/transport/wire-codec.ts';
import { websocketPair } from './pair.ts';
import type { End } from './pair.ts';
import { final, hello, identity, stage, welcome } from './samples.ts';

interface Pair {
  readonly source: ControlConnection<'source'>;
  readonly target: ControlConnection<'target'>;
  readonly sourceEnd: End;
  readonly targetEnd: End;
}

async function connected(t: Test, deadAfterMs = 10_000): Promise<Pair> {
  const pair = await websocketPair(
    t,
    'control',
    ({ ws, socket }) => new ControlConnection('source', ws, socket, { deadAfterMs }),
    ({ ws, socket }) => new ControlConnection('target', ws, socket),
  );
  return { source: pair.client, target: pair.server, sourceEnd: pair.clientEnd, targetEnd: pair.serverEnd };
}

async function greeted(t: Test, deadAfterMs?: number): Promise<Pair> {
  const pair = await connected(t, deadAfterMs);
  await Promise.all([
    greet(pair.source, { ...identity, migrationId: 'm1', purpose: 'migrate', plaintext: false }),
    acceptGreeting(pair.target, 'm1', identity),
  ]);
  return pair;
}

async function endOf(
  control: ControlConnection<'source'> | ControlConnection<'target'>,
): Promise<GodwitError> {
  return new Promise((resolve) => {
    control.onEnd(resolve);
  });
}

void t.test('messages arrive in order, typed, and both sides know the state', async (t) => {
  const { source, target } = await greeted(t);
  source.send(stage);
  source.send({ type: 'clock-probe', n: 4 });
  t.same((await target.expect('stage')).layout, stage.type === 'stage' && stage.layout);
  t.equal((await target.receive()).type, 'clock-probe');
  target.send({ type: 'staged', ms: 2 });
  t.equal((await source.expect('staged', { timeoutMs: 1000 })).ms, 2);
  t.equal(source.state, 'staged');
  t.equal(target.state, 'staged');
});

void t.test('notices go to their handler and not into the queue', async (t) => {
  const { source, target } = await greeted(t);
  const lines: string[] = [];
  source.handle('log', ({ text }) => lines.push(text));
  for (let i = 0; i < 1000; i++) target.send({ type: 'log', level: 'info', text: String(i) });
  source.send(stage);
  await target.receive();
  target.send({ type: 'staged', ms: 0 });
  await source.expect('staged');
  t.equal(lines.length, 1000);
});

void t.test("the peer's error arrives as a GodwitError with its code, message and hint", async (t) => {
  const { source, target } = await greeted(t);
  const waiting = source.receive().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  await target.fail(new GodwitError('NO_SPACE', 'no memory for pid 7', { hint: 'add swap' }));
  const error = await waiting;
  t.match(error, { code: 'NO_SPACE', message: 'no memory for pid 7', hint: 'add swap' });
  t.same(peerOrigin(error), { side: 'target', how: 'error' });
  t.throws(() => { source.send({ type: 'commit' }); }, error as GodwitError, 'and stays the reason'); // prettier-ignore
});

void t.test('an unknown code of the peer becomes PEER', async (t) => {
  const { source, targetEnd } = await greeted(t);
  targetEnd.ws.send(packMessage({ type: 'error', code: 'FLUX', message: 'm' }));
  await t.rejects(source.receive(), { code: 'PEER', message: 'm' });
});

void t.test("an abort ends the target's session at once, also when it is not receiving", async (t) => {
  const { source, target } = await greeted(t);
  const ended = endOf(target);
  source.send({ type: 'abort', reason: { code: 'CANCELLED', message: 'Ctrl-C' } });
  t.match(await ended, { code: 'CANCELLED', message: 'Ctrl-C' });
  t.ok(target.ended.aborted);
});

void t.test('what was received before the end can still be taken', async (t) => {
  const { source, target } = await greeted(t);
  source.send({ type: 'clock-probe', n: 1 });
  source.terminate();
  await endOf(target);
  t.equal((await target.receive()).type, 'clock-probe');
  await t.rejects(target.receive(), { code: 'PEER' });
});

void t.test('a peer that dies is noticed by its socket, while waiting and while not', async (t) => {
  for (const isWaiting of [true, false]) {
    const { source, targetEnd } = await greeted(t);
    const waiting = isWaiting ? source.receive() : undefined;
    const ended = endOf(source);
    targetEnd.socket.destroy();
    t.match(await ended, { code: 'PEER', hint: /log of the target/ });
    if (waiting !== undefined) await t.rejects(waiting, { code: 'PEER' });
  }
});

void t.test('a peer that is silent on an open link is dead after a while', async (t) => {
  const { source, targetEnd } = await greeted(t, 80);
  targetEnd.socket.pause(); // nothing is read, no ping is answered
  t.match(await endOf(source), { code: 'PEER', message: /silent for 160 ms/ });
});

void t.test('a silent peer is dead sooner when the tree is frozen', async (t) => {
  const { source, target, targetEnd } = await greeted(t, 80);
  source.send(stage);
  await target.expect('stage');
  target.send({ type: 'staged', ms: 2 });
  await source.expect('staged');
  source.send(final);
  targetEnd.socket.pause();
  t.match(await endOf(source), { code: 'PEER', message: /silent for 80 ms/ });
});

void t.test('a peer that has nothing to say but answers pings lives', async (t) => {
  const { source } = await greeted(t, 80);
  await t.rejects(source.receive({ timeoutMs: 400 }), { code: 'PEER', message: /said nothing for 400 ms/ });
  t.notOk(source.ended.aborted, 'only the wait is over');
});

void t.test('a wait ends with its signal', async (t) => {
  const { source } = await greeted(t);
  const stop = new AbortController();
  const waiting = source.receive({ signal: stop.signal });
  stop.abort(new GodwitError('CANCELLED', 'Ctrl-C'));
  await t.rejects(waiting, { code: 'CANCELLED' });
  await t.rejects(source.receive({ signal: stop.signal }), { code: 'CANCELLED' });
});

void t.test('a peer that breaks a rule is told so, and the connection ends', async (t) => {
  const cases: [string, (end: End) => void, object][] = [
    ['wrong state', ({ ws }) => { ws.send(packMessage({ type: 'commit' })); }, { code: 'PROTOCOL', message: /in the state "ready"/ }],
    ['text', ({ ws }) => { ws.send('hello'); }, { code: 'PROTOCOL', message: /text/ }],
    ['garbage', ({ ws }) => { ws.send(Buffer.from([0xc1, 1, 2])); }, { code: 'PROTOCOL', message: /msgpack/ }],
    ['bytes that are no frame', ({ socket }) => { socket.write(Buffer.alloc(64, 0xff)); }, { code: 'PROTOCOL', message: /WebSocket/ }],
  ]; // prettier-ignore
  for (const [name, act, expected] of cases) {
    const { source, target, sourceEnd } = await greeted(t);
    const [seen, told] = [endOf(target), endOf(source)];
    act(sourceEnd);
    t.match(await seen, expected, `${name}: seen`);
    t.match((await told).code, /PROTOCOL|PEER/, `${name}: told`);
  }
});

void t.test('more messages than are awaited end the connection', async (t) => {
  const { source, target } = await greeted(t);
  const ended = endOf(target);
  for (let n = 0; n < 100; n++) source.send({ type: 'clock-probe', n });
  t.match(await ended, { code: 'LIMIT' });
});

void t.test('a hello of another version is refused, and both sides see both versions', async (t) => {
  const { source, target } = await connected(t);
  const accepting = acceptGreeting(target, 'm1', identity);
  const ended = endOf(source);
  source.send({ ...hello, version: 2 });
  await t.rejects(accepting, { code: 'VERSION', message: /version 2, this host speaks version 1/ });
  const told = await ended;
  t.match(told, { code: 'VERSION', message: /version 2, this host speaks version 1/ });
  t.same(peerOrigin(told), { side: 'target', how: 'refused' });
});

void t.test('hello for another migration than the connection is refused', async (t) => {
  const { source, target } = await connected(t);
  const accepting = acceptGreeting(target, 'other', identity).catch(async (error: unknown) => {
    await target.fail(error);
    throw error;
  });
  const greeting = greet(source, { ...identity, migrationId: 'm1', purpose: 'migrate', plaintext: false });
  await t.rejects(greeting, { code: 'PROTOCOL', message: /m1 on a connection of other/ });
  await t.rejects(accepting, { code: 'PROTOCOL' });
});

void t.test('a source that says nothing is given up', async (t) => {
  const { target } = await connected(t);
  await t.rejects(acceptGreeting(target, 'm1', identity, { timeoutMs: 30 }), {
    code: 'PEER',
    message: /30 ms/,
  });
});

void t.test('a message that comes with the upgrade itself is not lost', async (t) => {
  const { target } = await websocketPair(
    t,
    'control',
    ({ ws, socket }) => {
      const control = new ControlConnection('source', ws, socket);
      control.send(hello);
      return control;
    },
    ({ ws, socket }) => new ControlConnection('target', ws, socket),
  ).then(({ server }) => ({ target: server }));
  t.equal((await target.expect('hello')).migrationId, 'm1');
  target.send(welcome);
});
