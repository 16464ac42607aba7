// Who gets in at a target that encrypts, and who is turned away.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { connectControl, connectPages } from '../../src/transport/connect.ts';
import { greet } from '../../src/transport/handshake.ts';
import { plaintext, securityOf, recordOf } from '../../src/transport/security.ts';
import type { Security } from '../../src/transport/security.ts';
import { pinOf } from '../../src/transport/transfer-key.ts';
import { unless } from '../helpers/skip-unless.ts';
import { identity, stage } from '../unit/transport/samples.ts';
import { checksum, patience, startBed } from './daemon-bed.ts';
import { Authority, startKeyed } from './secure-bed.ts';
import type { KeyedBed } from './secure-bed.ts';
import { enter, keyOf, land, refused } from './secure-source.ts';

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
