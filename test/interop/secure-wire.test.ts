// What strangers see and can do on the way to a target that encrypts: impostors, recordings, older protocols, connections of pages.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import t from 'tap';
import type { Test } from 'tap';
import { connectControl, connectPages } from '../../src/transport/connect.ts';
import type { Endpoint } from '../../src/transport/endpoint.ts';
import { PageKeys } from '../../src/transport/page-keys.ts';
import type { Security } from '../../src/transport/security.ts';
import { pinOf } from '../../src/transport/transfer-key.ts';
import { checksum, patience, startBed } from './daemon-bed.ts';
import { makeIdentity, startKeyed } from './secure-bed.ts';
import { keyOf, land, refused } from './secure-source.ts';

void t.test('a target with another certificate hears nothing but a handshake', async (t) => {
  const other = makeIdentity();
  const heard: Buffer[] = [];
  const impostor = createTlsServer(
    { cert: other.certificate, key: other.key, minVersion: 'TLSv1.3' },
    (socket) => {
      socket.on('data', (bytes: Buffer) => heard.push(bytes));
      socket.on('error', () => undefined);
    },
  );
  impostor.listen(0, '127.0.0.1');
  await once(impostor, 'listening');
  t.teardown(() => impostor.close());
  const { port } = impostor.address() as AddressInfo;
  const endpoint = { host: '127.0.0.1', address: '127.0.0.1', port };
  const key: Security = { kind: 'key', pin: pinOf(makeIdentity().certificate), secret: randomBytes(32) };
  await refused(
    t,
    connectControl(endpoint, 'm1', { security: key }),
    'PEER',
    /is not the target that the key was made by/,
  );
  await refused(
    t,
    connectControl(endpoint, 'm1', { security: { ...key, kind: 'session' } }),
    'PEER',
    /is not the target/,
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.strictSame(heard, []);
});

void t.test('older TLS is refused', async (t) => {
  const old = makeIdentity();
  const server = createTlsServer({ cert: old.certificate, key: old.key, maxVersion: 'TLSv1.2' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const endpoint = { host: '127.0.0.1', address: '127.0.0.1', port };
  const key: Security = { kind: 'key', pin: pinOf(old.certificate), secret: randomBytes(32) };
  await refused(t, connectControl(endpoint, 'm1', { security: key }), 'PEER', /no encrypted connection/);
});

void t.test('who encrypts finds no target that does not', async (t) => {
  const bed = await startBed(t);
  const key: Security = { kind: 'key', pin: randomBytes(32), secret: randomBytes(32) };
  await refused(t, connectControl(bed.endpoint, 'm1', { security: key }), 'PEER', /no encrypted connection/);
});

void t.test('a page connection needs the control connection of its migration', async (t) => {
  const bed = await startKeyed(t);
  const control = await land(t, bed.endpoint, 'm1', keyOf(bed));
  const { passage } = control;
  if (passage === undefined) throw new Error('nothing is encrypted');
  const open = async (keys: PageKeys | undefined): Promise<unknown> =>
    connectPages(bed.endpoint, 'm1', {
      passage: keys && { ...passage, pages: keys },
      checksum,
      ...patience,
    });
  await refused(t, open(undefined), 'NOT_ALLOWED', /refused the page connection/);
  await refused(t, open(new PageKeys(randomBytes(32))), 'NOT_ALLOWED', /refused the page connection/);
  const pages = await connectPages(bed.endpoint, 'm1', { passage, checksum, ...patience });
  t.notOk(control.ended.aborted, 'and those cost the migration nothing');
  t.teardown(() => {
    pages.terminate();
  });
});

/** What flows from a source to a target, to be sent once more. */
async function recorder(t: Test, to: Endpoint): Promise<{ endpoint: Endpoint; streams: Buffer[][] }> {
  const streams: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    const far = connect(to.port, to.address);
    const stream: Buffer[] = [];
    streams.push(stream);
    near.on('data', (bytes) => stream.push(bytes));
    for (const [from, into] of [[near, far], [far, near]] as const) {
      sockets.add(from);
      from.pipe(into);
      from.on('error', () => into.destroy());
    }
  }); // prettier-ignore
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => {
    relay.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = relay.address() as AddressInfo;
  return { endpoint: { host: '127.0.0.1', address: '127.0.0.1', port }, streams };
}

void t.test('what was recorded is of no use', async (t) => {
  const bed = await startKeyed(t);
  const { endpoint, streams } = await recorder(t, bed.endpoint);
  const control = await land(t, endpoint, 'm1', keyOf(bed));
  const pages = await connectPages(endpoint, 'm1', { passage: control.passage, checksum, ...patience });
  const runs = Float64Array.of(4096, 4096);
  const send = async (): Promise<void> => {
    pages.send(await pages.acquire(), { round: 1, space: 7, kind: 'space', runs, runCount: 1 });
    await pages.flush();
  };
  await send();
  t.equal(streams.length, 3);
  for (const stream of streams)
    t.notOk(Buffer.concat(stream).includes(bed.keys[0]?.secret ?? ''), 'no secret in the clear');
  for (const stream of streams) {
    const socket = connect(bed.endpoint.port, bed.endpoint.address);
    socket.on('error', () => undefined);
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
    socket.write(Buffer.concat(stream));
    await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, 500))]);
    t.notMatch(answer, /101 Switching/);
    socket.destroy();
  }
  await send();
  t.equal(pages.lastAcked, 2, 'and the page connection goes on');
});
