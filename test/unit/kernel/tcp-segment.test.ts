// TCP segments in their packets: what is made can be read again, and what is none is told apart.
import t from 'tap';
import {
  joinSegments,
  makeSegment,
  readSegment,
  splitSegments,
  tcpAck,
  tcpFin,
} from '../../../src/kernel/tcp-segment.ts';
import { sockaddr } from '../../helpers/sockaddr.ts';

const fields = { sequence: 0xffff_fff0, acknowledged: 7, flags: tcpAck | tcpFin, window: 513 };

t.test('a segment that was made is read again', (t) => {
  for (const [from, to, source, destination] of [
    ['10.0.0.1', '10.0.0.2', '10.0.0.1:80', '10.0.0.2:4000'],
    ['fd00::1', 'fd00::2', '[fd00::1]:80', '[fd00::2]:4000'],
    ['::ffff:10.0.0.1', '10.0.0.2', '10.0.0.1:80', '10.0.0.2:4000'],
  ] as const) {
    const packet = makeSegment({ from: sockaddr(from, 80), to: sockaddr(to, 4000), ...fields });
    const { sequence, acknowledged, flags } = fields;
    t.match(readSegment(packet), { source, destination, sequence, acknowledged, flags, length: 0 });
  }
  t.end();
});

t.test('data counts without the padding of its frame', (t) => {
  const bare = makeSegment({ from: sockaddr('10.0.0.1', 80), to: sockaddr('10.0.0.2', 4000), ...fields });
  const packet = new Uint8Array(bare.length + 9);
  packet.set(bare);
  new DataView(packet.buffer).setUint16(2, bare.length + 3);
  t.equal(readSegment(packet)?.length, 3);
  t.end();
});

t.test('what is no whole segment', (t) => {
  const packet = makeSegment({ from: sockaddr('10.0.0.1', 80), to: sockaddr('10.0.0.2', 4000), ...fields });
  t.equal(readSegment(packet.subarray(0, 30)), undefined, 'cut off');
  const fragment = packet.slice();
  fragment[7] = 1;
  t.equal(readSegment(fragment), undefined, 'a fragment');
  const udp = packet.slice();
  udp[9] = 17;
  t.equal(readSegment(udp), undefined, 'another protocol');
  t.equal(readSegment(new Uint8Array()), undefined, 'nothing');
  t.end();
});

t.test('a list of packets', (t) => {
  const packets = [Uint8Array.of(1, 2, 3), new Uint8Array(), Uint8Array.of(4)];
  t.same(
    splitSegments(joinSegments(packets)).map((packet) => [...packet]),
    packets.map((packet) => [...packet]),
  );
  t.same(splitSegments(new Uint8Array()), []);
  t.end();
});
