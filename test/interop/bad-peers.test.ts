// Peers that are no Godwit source. Each gets a clear end, each leaves one line in the log, none leaves a worker, and
// after all of them the daemon still serves.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import t from 'tap';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { ControlConnection } from '../../src/transport/control-connection.ts';
import { connectControl } from '../../src/transport/connect.ts';
import { plaintext } from '../../src/transport/security.ts';
import { greet } from '../../src/transport/handshake.ts';
import { packMessage } from '../../src/transport/wire-codec.ts';
import { hello, identity } from '../unit/transport/samples.ts';
import { begin, startBed } from './daemon-bed.ts';
import type { Bed } from './daemon-bed.ts';

async function rawSocket(t: Test, bed: Bed): Promise<Socket> {
  const socket = connect(bed.endpoint.port, bed.endpoint.address);
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function closed(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

async function rawWebSocket(t: Test, bed: Bed, migrationId = 'm1'): Promise<WebSocket> {
  const ws = new WebSocket(
    `ws://127.0.0.1:${bed.endpoint.port}/v1/control?migration=${migrationId}`,
    'godwit',
  );
  ws.on('error', () => undefined);
  t.teardown(() => {
    ws.terminate();
  });
  await new Promise((resolve) => ws.once('open', resolve));
  return ws;
}

/** It still takes a migration, and nothing of the others is left. */
async function stillServes(t: Test, bed: Bed): Promise<void> {
  const { control } = await begin(t, bed, 'after');
  t.equal(control.state, 'ready');
  await control.close();
  await bed.logged(/migration after: .*ended/);
}

const request = (path: string, extra = ''): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: target',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: godwit${extra}`,
    '',
    '',
  ].join('\r\n');

void t.test('garbage instead of HTTP', async (t) => {
  const bed = await startBed(t);
  const socket = await rawSocket(t, bed);
  socket.write('\x16\x03\x01\x02\x00 this is TLS, or nothing at all\r\n\r\n');
  await closed(socket);
  await bed.logged(/is no Godwit source/);
  await stillServes(t, bed);
});

void t.test('HTTP that is no upgrade, and upgrades to what is not served here', async (t) => {
  const bed = await startBed(t);
  const cases: [string, string, RegExp][] = [
    [
      'a browser',
      'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      /^HTTP\/1\.1 426[^]*godwit receive/,
    ],
    ['another path', request('/v9/control?migration=m'), /^HTTP\/1\.1 404[^]*"VERSION"/],
    ['a path as id', request('/v1/control?migration=..%2f..%2fetc'), /^HTTP\/1\.1 400[^]*malformed/],
    ['a path as id of pages', request('/v1/pages/..'), /^HTTP\/1\.1 400[^]*malformed/],
    ['no id', request('/v1/control'), /^HTTP\/1\.1 400[^]*malformed/],
    ['another purpose', request('/v1/control?migration=m&purpose=fun'), /^HTTP\/1\.1 400[^]*purpose/],
    ['another subprotocol', request('/v1/control?migration=m', 'chat'), /^HTTP\/1\.1 400[^]*subprotocol/],
    ['pages of nobody', request('/v1/pages/m'), /^HTTP\/1\.1 404[^]*no running migration m/],
  ];
  for (const [name, text, expected] of cases) {
    const socket = await rawSocket(t, bed);
    socket.write(text);
    t.match(await closed(socket), expected, name);
  }
  t.notOk(bed.log.some((line) => line.includes('serves')), 'no worker was started'); // prettier-ignore
});

void t.test('an upgrade whose WebSocket headers are wrong', async (t) => {
  const bed = await startBed(t);
  const socket = await rawSocket(t, bed);
  socket.write(request('/v1/control?migration=m').replace('AAAAAAAAAAAAAAAAAAAAAA==', 'short'));
  t.match(await closed(socket), /^HTTP\/1\.1 400/);
  await bed.logged(/migration m: its worker ended/);
  await stillServes(t, bed);
});

void t.test('a connection that says nothing, and one that stops in the middle of a header', async (t) => {
  const bed = await startBed(t, { handshakeTimeoutMs: 150 });
  const sockets = [await rawSocket(t, bed), await rawSocket(t, bed)];
  sockets[1]?.write('GET /v1/control HTTP/1.1\r\nHost: t');
  await Promise.all(sockets.map(closed));
  await bed.logged(/said nothing for 150 ms/);
});

void t.test('a WebSocket that never says hello', async (t) => {
  const bed = await startBed(t);
  const ws = await rawWebSocket(t, bed);
  await new Promise((resolve) => ws.once('close', resolve));
  await bed.logged(/migration m1: PEER: the source said nothing for 700 ms/);
  await bed.logged(/migration m1: its worker ended with code 1/);
});

void t.test('too many connections that wait for their first word', async (t) => {
  const bed = await startBed(t, { maxPending: 4 });
  const sockets = await Promise.all(Array.from({ length: 4 }, async () => rawSocket(t, bed)));
  await closed(await rawSocket(t, bed));
  await bed.logged(/refused, 4 connections already wait/);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200)); // until the daemon has seen them go
  await stillServes(t, bed);
});

void t.test('too many workers without a hello', async (t) => {
  const bed = await startBed(t, { maxPending: 2 });
  await Promise.all([rawWebSocket(t, bed, 'a'), rawWebSocket(t, bed, 'b')]);
  await t.rejects(connectControl(bed.endpoint, 'c', { security: plaintext }), {
    code: 'LIMIT',
    message: /already serves 2/,
  });
});

void t.test('messages that are none, before and after hello', async (t) => {
  const bed = await startBed(t);
  const cases: [string, (ws: WebSocket) => void, RegExp][] = [
    ['text', (ws) => { ws.send('hello'); }, /PROTOCOL: the source sent text/],
    ['garbage', (ws) => { ws.send(Buffer.from([0xc1, 0xc1])); }, /PROTOCOL: not a msgpack message/],
    ['magic', (ws) => { ws.send(packMessage({ ...hello, magic: 'gotwit' })); }, /PROTOCOL: the peer is no Godwit source/],
    ['version', (ws) => { ws.send(packMessage({ ...hello, version: 99 })); }, /VERSION: the source speaks protocol version 99, this host speaks version 1/],
    ['commit first', (ws) => { ws.send(packMessage({ type: 'commit' })); }, /PROTOCOL: .*in the state "start"/],
    ['bad frame', (ws) => { (ws as unknown as { _socket: Socket })._socket.write(Buffer.alloc(32, 0xff)); }, /PROTOCOL: the source broke the WebSocket protocol/],
  ]; // prettier-ignore
  for (const [index, [name, act, expected]] of cases.entries()) {
    const ws = await rawWebSocket(t, bed, `m${index}`);
    const told = new Promise((resolve) => ws.once('message', resolve));
    const over = new Promise((resolve) => ws.once('close', resolve));
    act(ws);
    t.match(await bed.logged(new RegExp(`migration m${index}: [A-Z]+: `)), expected, name);
    if (name !== 'bad frame') t.match(String(await told), /refused/, 'the peer is told');
    await over;
    await bed.logged(new RegExp(`migration m${index}: its worker ended with code 1`));
  }
  await stillServes(t, bed);
});

void t.test('a control message larger than the protocol allows', async (t) => {
  const bed = await startBed(t);
  const ws = await rawWebSocket(t, bed);
  const over = new Promise((resolve) => ws.once('close', resolve));
  // The length alone: it is refused before anything of the content has arrived.
  const prefix = Buffer.from([0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(64 * 1024 * 1024 + 1, 6);
  (ws as unknown as { _socket: Socket })._socket.write(prefix);
  await bed.logged(/migration m1: LIMIT: the source sent a message larger/);
  await over;
});

void t.test('bytes sent along with the upgrade request are not lost on the way to the worker', async (t) => {
  const bed = await startBed(t);
  for (const migrationId of ['pipelined-1', 'pipelined-2', 'pipelined-3']) {
    const socket = await rawSocket(t, bed);
    const body = packMessage({ ...hello, migrationId });
    const frame = Buffer.concat([
      Buffer.from([0x82, 0x80 | 126, body.length >> 8, body.length & 255, 0, 0, 0, 0]),
      body,
    ]);
    const bytes = Buffer.concat([Buffer.from(request(`/v1/control?migration=${migrationId}`)), frame]);
    const answer = new Promise<string>((resolve) => {
      let text = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        if (text.includes('welcome')) resolve(text);
      });
    });
    // Whole at once, or cut in the middle of the frame so that one half comes as head and the other finds the worker.
    socket.write(bytes.subarray(0, bytes.length - (migrationId === 'pipelined-1' ? 0 : 40)));
    await new Promise((resolve) => setTimeout(resolve, migrationId === 'pipelined-3' ? 300 : 1));
    if (migrationId !== 'pipelined-1') socket.write(bytes.subarray(bytes.length - 40));
    t.match(await answer, /^HTTP\/1\.1 101 Switching Protocols[^]*welcome/);
    socket.destroy();
  }
});

void t.test('a stream of bytes that starts before the worker has the socket arrives whole', async (t) => {
  const bed = await startBed(t);
  const control = await connectControl(bed.endpoint, 'm1', { security: plaintext });
  await greet(control, { ...identity, migrationId: 'm1', purpose: 'migrate', plaintext: false });
  t.teardown(() => {
    control.terminate();
  });
  const socket = await rawSocket(t, bed);
  const header = packMessage({
    sequence: 1,
    round: 0,
    space: 7,
    kind: 'space',
    zero: false,
    runs: 1,
    checksum: 1_048_576n,
  });
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const runs = Buffer.from(Float64Array.of(0, 1_048_576).buffer);
  const message = Buffer.concat([length, header, runs, Buffer.alloc(1_048_576, 1)]);
  const prefix = Buffer.from([0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 6);
  socket.write(Buffer.concat([Buffer.from(request('/v1/pages/m1')), prefix, message]));
  const acked = await new Promise<Buffer>((resolve) => {
    const seen: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      seen.push(chunk);
      const all = Buffer.concat(seen);
      const end = all.indexOf('\r\n\r\n');
      if (end >= 0 && all.length >= end + 4 + 14) resolve(all.subarray(end + 4));
    });
  });
  t.same([...acked.subarray(0, 6)], [0x82, 12, 1, 0, 0, 0], 'an acknowledgement');
  t.equal(acked.readDoubleLE(6), 1, 'of frame 1');
  t.type(control, ControlConnection);
});

void t.test('a peer that hangs up, or resets, before its worker has the socket', async (t) => {
  const bed = await startBed(t);
  for (const [index, reset] of [false, true].entries()) {
    const socket = await rawSocket(t, bed);
    socket.write(request(`/v1/control?migration=gone-${index}`));
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (reset) socket.resetAndDestroy();
    else socket.destroy();
    await bed.logged(new RegExp(`migration gone-${index}: PEER: the \\w+ closed `));
    await bed.logged(new RegExp(`migration gone-${index}: its worker ended with code 1`));
  }
  await stillServes(t, bed);
});
