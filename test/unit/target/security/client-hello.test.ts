// The name in a ClientHello: of real ones, whole and in pieces, and whatever else comes.
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { more, mostRecord, serverNameIn } from '../../../../src/target/security/client-hello.ts';

async function helloFor(servername: string | undefined): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const secured = connectTls({ socket, minVersion: 'TLSv1.3', ...(servername !== undefined && { servername }) });
      for (const one of [socket, secured]) one.on('error', () => undefined);
    });
  });
} // prettier-ignore

void t.test('the name is found, and only when all is there', async (t) => {
  const name = '0b7cf3f6-c3c0-4c2a-bd40-d41d4e1a9d3a-p1234-1.godwit';
  const hello = await helloFor(name);
  t.equal(serverNameIn(hello), name);
  for (let length = 0; length < hello.length; length++)
    t.equal(serverNameIn(hello.subarray(0, length)), more);
  t.equal(serverNameIn(Buffer.concat([hello, Buffer.from('more')])), name);
  t.equal(serverNameIn(await helloFor(undefined)), undefined);
});

void t.test('what is no ClientHello names nobody', (t) => {
  const none = ['GET / HTTP/1.1\r\n', '\x16\x03\x01\xff\xff', '\x17\x03\x03\x00\x01a', '\x16\x03\x01\x00\x01\x02', '\x16\x03\x01\x00\x00'];
  for (const text of none) t.equal(serverNameIn(Buffer.from(text, 'latin1')), undefined, JSON.stringify(text));
  t.equal(serverNameIn(Buffer.alloc(mostRecord, 22)), undefined);
  t.end();
}); // prettier-ignore

void t.test('a changed one is read or refused, and never throws', async (t) => {
  const hello = await helloFor('migration.godwit');
  let seed = 1;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const found = new Map<string, number>();
  for (let i = 0; i < 50_000; i++) {
    const changed = Buffer.from(hello.subarray(0, next(4) === 0 ? next(hello.length) : hello.length));
    for (let n = 1 + next(6); n > 0; n--) changed[5 + next(changed.length)] = next(256);
    const verdict = serverNameIn(changed);
    const kind = typeof verdict === 'string' ? 'a name' : verdict === more ? 'more' : 'undefined';
    found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  for (const kind of ['undefined', 'more', 'a name']) t.ok((found.get(kind) ?? 0) > 100, kind);
});
