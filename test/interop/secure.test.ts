// Who gets in at a target that encrypts, and what those see who do not.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import t from 'tap';
import type { Test } from 'tap';
import type { GodwitError } from '../../src/errors.ts';
import { connectControl, connectPages } from '../../src/transport/connect.ts';
import type { ControlConnection } from '../../src/transport/control-connection.ts';
import type { Endpoint } from '../../src/transport/endpoint.ts';
import { greet } from '../../src/transport/handshake.ts';
import type { Hello } from '../../src/transport/messages.ts';
import { PageKeys } from '../../src/transport/page-keys.ts';
import { plaintext, securityOf, recordOf } from '../../src/transport/security.ts';
import type { Security } from '../../src/transport/security.ts';
import { pinOf } from '../../src/transport/transfer-key.ts';
import { unless } from '../helpers/skip-unless.ts';
import { identity, stage } from '../unit/transport/samples.ts';
import { checksum, patience, startBed } from './daemon-bed.ts';
import { Authority, makeIdentity, startKeyed } from './secure-bed.ts';
import type { KeyedBed } from './secure-bed.ts';

const keyOf = (bed: KeyedBed, n = 0): Security => ({
  kind: 'key',
  ...(bed.keys[n] ?? { pin: Buffer.alloc(32), secret: Buffer.alloc(32) }),
});

async function enter(
  t: Test,
  endpoint: Endpoint,
  migrationId: string,
  security: Security,
  purpose: Hello['purpose'] = 'migrate',
): Promise<ControlConnection<'source'>> {
  const control = await connectControl(endpoint, migrationId, { security, purpose, ...patience });
  t.teardown(() => {
    control.terminate();
  });
  await greet(
    control,
    { ...identity, migrationId, purpose, plaintext: security.kind === 'plaintext' },
    patience,
  );
  return control;
}

/** To the end of a migration whose tree belongs to the target. */
async function land(
  t: Test,
  endpoint: Endpoint,
  id: string,
  security: Security,
): Promise<ControlConnection<'source'>> {
  const control = await enter(t, endpoint, id, security);
  control.send(stage);
  await control.expect('staged', patience);
  return control;
}

async function refused(t: Test, what: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await what.then(
    () => undefined,
    (thrown: unknown) => thrown as GodwitError,
  );
  t.match(error, { code, message }, String(message));
}

void t.test(
  'with the key: control and page connections, sealed frames, and a resolve by the session',
  async (t) => {
    const bed = await startKeyed(t);
    const control = await land(t, bed.endpoint, 'm1', keyOf(bed));
    const { passage } = control;
    const pages = await connectPages(bed.endpoint, 'm1', { passage, checksum, ...patience });
    const runs = Float64Array.of(4096, 4096);
    for (let i = 0; i < 20; i++) {
      const block = await pages.acquire();
      pages.send(block, { round: 1, space: 7, kind: 'space', runs, runCount: 1 });
    }
    await pages.flush();
    t.equal(pages.lastAcked, 20);
    control.send({ type: 'round-end', round: 1, lastSequence: 20 });
    t.match(await control.expect('round-acked', patience), { lastSequence: 20 });
    const session = securityOf(recordOf(passage?.session ?? plaintext));
    t.strictSame(session, passage?.session, 'a journal keeps it');
    const resolving = await enter(t, bed.endpoint, 'm1', session ?? plaintext, 'resolve');
    resolving.send({ type: 'resolve', migrationId: 'm1', verdict: 'commit' });
    t.match(await resolving.expect('resolved', patience), { state: 'prepared' });
    t.equal(bed.keys.length, 1, 'the key is not used up by what did not end with a tree');
  },
);

void t.test('wrong keys, sessions and names are refused; nothing is started for them', async (t) => {
  const bed = await startKeyed(t);
  const [right] = bed.keys;
  if (right === undefined) throw new Error('no key');
  const { endpoint } = bed;
  const wrongSecret: Security = { kind: 'key', pin: right.pin, secret: randomBytes(32) };
  await refused(t, enter(t, endpoint, 'm1', wrongSecret), 'NOT_ALLOWED', /not, or no longer/);
  await refused(
    t,
    enter(t, endpoint, 'm1', { ...wrongSecret, kind: 'session' }),
    'NOT_ALLOWED',
    /not, or no longer/,
  );
  await refused(t, enter(t, endpoint, 'm1', keyOf(bed), 'resolve'), 'NO_PROCESS', /knows no migration/);
  await refused(t, enter(t, endpoint, 'm1', plaintext), 'NOT_ALLOWED', /encrypted connections only/);
  t.notOk(
    bed.log.some((line) => /: over|its worker/.test(line)),
    'no worker was there',
  );
  const control = await land(t, endpoint, 'm1', keyOf(bed));
  await refused(t, enter(t, endpoint, 'm1', keyOf(bed)), 'NOT_ALLOWED', /serves another migration/);
  for (const purpose of ['resolve', 'post-copy'] as const)
    await refused(
      t,
      enter(t, endpoint, 'm1', { ...wrongSecret, kind: 'session' }, purpose),
      'NOT_ALLOWED',
      /another session/,
    );
  t.notOk(control.ended.aborted, 'and the migration goes on');
});

void t.test('too many failures are not answered any more', async (t) => {
  const bed = await startKeyed(t);
  const [right] = bed.keys;
  const wrong: Security = { kind: 'key', pin: right?.pin ?? Buffer.alloc(0), secret: randomBytes(32) };
  for (let i = 0; i < 10; i++) await refused(t, enter(t, bed.endpoint, 'm1', wrong), 'NOT_ALLOWED', /key/);
  await refused(t, enter(t, bed.endpoint, 'm1', wrong), 'PEER', /no encrypted connection/);
});

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

/** A request by hand, after TLS or without; what comes back until the target closes. */
async function byHand(bed: KeyedBed, request: string, over: 'tls' | 'tcp'): Promise<string> {
  const raw = connect(bed.endpoint.port, bed.endpoint.address);
  const socket = over === 'tcp' ? raw : connectTls({ socket: raw, rejectUnauthorized: false });
  raw.on('error', () => undefined);
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (bytes: Buffer) => (answer += bytes.toString('latin1')));
  socket.write(request);
  await once(socket, 'close');
  return answer;
}

void t.test('whoever is turned away keeps nothing open, and answers once', async (t) => {
  const bed = await startKeyed(t);
  const upgrade =
    'GET /v1/pages/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: godwit\r\n\r\n';
  t.match(await byHand(bed, upgrade, 'tcp'), /^HTTP\/1.1 404/);
  const post =
    'POST /v1/session?migration=m1&purpose=migrate HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n';
  const answers = await byHand(bed, post.repeat(50), 'tls');
  t.equal(answers.split('HTTP/1.1 401').length - 1, 1, 'fifty in one are one');
});

void t.test('a session is for its own migration alone', async (t) => {
  const bed = await startKeyed(t, { uses: 5 });
  const victim = await land(t, bed.endpoint, 'victim', keyOf(bed));
  const own = await land(t, bed.endpoint, 'own', keyOf(bed));
  const session = own.passage?.session ?? plaintext;
  const asks = async (purpose: 'resolve' | 'post-copy'): Promise<unknown> =>
    connectControl(bed.endpoint, 'victim', { security: session, purpose, of: 'own', ...patience });
  await refused(t, asks('resolve'), 'PROTOCOL', /bad request/);
  await refused(t, asks('post-copy'), 'REFUSED', /already running/);
  await refused(t, enter(t, bed.endpoint, 'victim', keyOf(bed)), 'REFUSED', /already running/);
  t.notOk(victim.ended.aborted, 'which goes on');
});

void t.test(
  'a source whose worker has died is told so at once, and does not dial for a minute',
  async (t) => {
    const bed = await startKeyed(t);
    const security = keyOf(bed);
    const control = await connectControl(bed.endpoint, 'crash', {
      security,
      reconnectForMs: 60_000,
      ...patience,
    });
    await greet(
      control,
      { ...identity, migrationId: 'crash', purpose: 'migrate', plaintext: false, reconnectForMs: 60_000 },
      patience,
    );
    const began = performance.now();
    control.send(stage);
    await refused(
      t,
      control.expect('staged', patience),
      'PEER',
      /no other connection took its place: .*knows no such migration/,
    );
    t.ok(performance.now() - began < 10_000);
  },
);

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

const openssl = await unless('command:openssl');

void t.test('certificates: of the CA, by name, in their time', { skip: openssl }, async (t) => {
  const authority = await Authority.make(t);
  const server = await authority.sign('server');
  const bedFor = async (allow: string[]) =>
    startBed(t, { security: { kind: 'certificates', identity: server, ca: authority.ca, allow } });
  const anyone = await bedFor([]);
  const mine: Security = { kind: 'certificates', ...(await authority.client('host-a')) };
  const control = await land(t, anyone.endpoint, 'm1', mine);
  const pages = await connectPages(anyone.endpoint, 'm1', {
    passage: control.passage,
    checksum,
    ...patience,
  });
  pages.terminate();
  const resolving = await enter(t, anyone.endpoint, 'm1', control.passage?.session ?? plaintext, 'resolve');
  resolving.terminate();

  const some = await bedFor(['host-b', 'host-c']);
  await refused(t, enter(t, some.endpoint, 'm1', mine), 'NOT_ALLOWED', /--allow "host-a"/);
  await enter(t, some.endpoint, 'm2', { kind: 'certificates', ...(await authority.client('host-c')) });

  const stranger = await Authority.make(t);
  const wrong: Record<string, Security> = {
    'a client of another CA': {
      kind: 'certificates',
      ...(await stranger.client('host-b')),
      ca: authority.ca,
    },
    'an expired client': { kind: 'certificates', ...(await authority.client('host-b', -1)) },
    'a server of another CA': {
      kind: 'certificates',
      ...(await authority.client('host-b')),
      ca: stranger.ca,
    },
    'a key where certificates are due': {
      kind: 'key',
      pin: pinOf(server.certificate),
      secret: randomBytes(32),
    },
  };
  for (const [what, security] of Object.entries(wrong))
    await t.rejects(enter(t, some.endpoint, 'm3', security), { code: 'PEER' }, what);
});
