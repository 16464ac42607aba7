// Which of the segments that came during the freeze the tree's sockets have not heard.
import t from 'tap';
import type { OpenFile } from '../../../src/images/state.ts';
import {
  joinSegments,
  makeSegment,
  splitSegments,
  tcpAck,
  tcpFin,
  tcpSyn,
} from '../../../src/kernel/tcp-segment.ts';
import { segmentsFor } from '../../../src/source/segment-capture.ts';
import { sockaddr } from '../../helpers/sockaddr.ts';

const local = sockaddr('10.0.0.5', 80);
const remote = sockaddr('10.0.0.9', 4000);
const receiveNext = 1000;
const sendFirst = 0xffff_ff00;

const connection = {
  remote,
  outside: { sent: new Uint8Array(10), finSent: false, finAcknowledged: false },
  sendNext: sendFirst,
  receiveFirst: receiveNext - 5,
  unread: new Uint8Array(5),
  ended: false,
};
const openFiles = [
  { resource: { kind: 'tcp', state: 'connected', local, connection } },
  { resource: { kind: 'tcp', state: 'listening', local: sockaddr('::', 443) } },
  { resource: { kind: 'tcp', state: 'listening', local: sockaddr('10.0.0.5', 22) } },
] as unknown as OpenFile[];

function segment(sequence: number, acknowledged: number, length = 0, flags = tcpAck, to = local): Uint8Array {
  const bare = makeSegment({ from: remote, to, sequence, acknowledged, flags, window: 1 });
  const packet = new Uint8Array(bare.length + length);
  packet.set(bare);
  new DataView(packet.buffer).setUint16(2, packet.length);
  return packet;
}

const kept = (...packets: Uint8Array[]): number[] =>
  segmentsFor(openFiles, packets).map((packet) => packets.indexOf(packet));

t.test('of a connection', (t) => {
  const last = segment(receiveNext, sendFirst);
  t.same(kept(segment(900, sendFirst, 50), last), [1], 'data that it has is left out');
  t.same(kept(segment(990, sendFirst, 50), last), [0, 1], 'data of which it has a part is not');
  t.same(kept(segment(receiveNext, sendFirst, 50), last), [0, 1], 'nor new data');
  t.same(kept(segment(receiveNext, sendFirst, 0, tcpAck | tcpFin), last), [0, 1], 'nor the end');
  t.same(kept(segment(900, sendFirst, 99, tcpAck | tcpFin), last), [1], 'an end that it has heard is');
  t.same(
    kept(segment(receiveNext, 5), segment(receiveNext, sendFirst), last),
    [0, 2],
    'what acknowledges more, beyond 2^32, is not',
  );
  t.same(kept(last), [0], 'the last one tells the window');
  t.end();
});

t.test('of others', (t) => {
  const syn = (host: string, port: number, flags = tcpSyn): Uint8Array =>
    segment(1, 0, 0, flags, sockaddr(host, port));
  t.same(kept(syn('10.0.0.5', 443)), [0], 'a first one for a listener of any address');
  t.same(kept(syn('10.0.0.5', 22)), [0], 'and of this one');
  t.same(kept(syn('10.0.0.6', 22)), [], 'but not of another');
  t.same(kept(syn('10.0.0.5', 23)), [], 'nor where nobody listens');
  t.same(kept(syn('10.0.0.5', 443, tcpAck)), [], 'nor the end of a handshake that nobody knows of');
  t.same(
    splitSegments(joinSegments(segmentsFor(openFiles, [Uint8Array.of(1)]))),
    [],
    'nor what is no segment',
  );
  t.end();
});

t.test('a first segment', (t) => {
  const first = (port: number): Uint8Array => segment(1, 0, 0, tcpSyn, sockaddr('10.0.0.5', port));
  t.same(kept(first(22)), [0], 'to a listening socket');
  t.same(kept(first(443)), [0], 'to one that listens at every address');
  t.same(kept(first(23)), [], 'to nobody');
  t.same(kept(first(80)), [], 'of a connection that has been accepted');
  t.end();
});
