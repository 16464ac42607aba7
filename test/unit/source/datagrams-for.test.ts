// Of the UDP datagrams that came while a tree stood, those that its sockets have not in their queues: none lost, none twice.
import t from 'tap';
import type { OpenFile } from '../../../src/images/state.ts';
import { makeDatagram } from '../../../src/kernel/udp-packet.ts';
import { datagramsFor } from '../../../src/source/datagrams-for.ts';
import { sockaddr } from '../../helpers/sockaddr.ts';

const peer = sockaddr('10.0.0.9', 4000);
const other = sockaddr('10.0.0.8', 4000);
const here = sockaddr('10.0.0.5', 53);

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));
const packet = (text: string, from = peer, to = here): Uint8Array =>
  makeDatagram({ from, to, data: bytes(text) });
const socket = (local: Uint8Array, ...queue: readonly string[]): OpenFile =>
  ({
    id: 1,
    flags: 2,
    resource: {
      kind: 'udp',
      protocol: 17,
      local,
      queue: queue.map((text) => ({ from: peer, to: Uint8Array.of(10, 0, 0, 5), data: bytes(text) })),
    },
  }) as unknown as OpenFile;
const texts = (packets: readonly Uint8Array[]): string[] =>
  packets.map((one) => Buffer.from(one.subarray(28)).toString());

t.test('what a queue ends with, and the flow begins with, is not brought again', (t) => {
  const files = [socket(here, 'a', 'b', 'c')];
  const came = ['b', 'c', 'd', 'e'].map((text) => packet(text));
  t.same(texts(datagramsFor(files, came, true)), ['d', 'e']);
  t.same(
    texts(datagramsFor(files, came, false)),
    ['b', 'c', 'd', 'e'],
    'behind the first look nothing is in both',
  );
  t.end();
});

t.test('equal ones are told apart by how many there are', (t) => {
  const files = [socket(here, 'x', 'x')];
  const came = ['x', 'x', 'x'].map((text) => packet(text));
  t.same(texts(datagramsFor(files, came, true)), ['x']);
  t.end();
});

t.test('another sender has a flow of its own', (t) => {
  const files = [socket(here, 'a')];
  const came = [packet('a', other), packet('a'), packet('b', other)];
  t.same(texts(datagramsFor(files, came, true)), ['a', 'b']);
  t.end();
});

t.test('ports and addresses of others, fragments, and TCP are left out', (t) => {
  const any = sockaddr('0.0.0.0', 53);
  const fragment = packet('f');
  fragment[6] = 0x20;
  const cut = packet('cut off').subarray(0, 30);
  const tcp = packet('t');
  tcp[9] = 6;
  const came = [packet('other port', peer, sockaddr('10.0.0.5', 54)), fragment, cut, tcp, packet('ours')];
  t.same(texts(datagramsFor([socket(any)], came, true)), ['ours']);
  t.same(datagramsFor([socket(sockaddr('10.0.0.6', 53))], came, true), [], 'bound to another address');
  t.same(datagramsFor([], came, true), []);
  t.end();
});
