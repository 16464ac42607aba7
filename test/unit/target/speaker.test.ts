// What a source may bring to this host's sockets: TCP segments for the addresses that came along, and nothing else.
import t from 'tap';
import { joinSegments, makeSegment, splitSegments, tcpAck } from '../../../src/kernel/tcp-segment.ts';
import { segmentsHere } from '../../../src/target/speaker.ts';
import { sockaddr } from '../../helpers/sockaddr.ts';

const to = (host: string): Uint8Array =>
  makeSegment({
    from: sockaddr(host.includes(':') ? 'fd00::9' : '10.0.0.9', 4000),
    to: sockaddr(host, 80),
    sequence: 1,
    acknowledged: 1,
    flags: tcpAck,
    window: 1,
  });

t.test('segments for others are left out', (t) => {
  const addresses = new Set(['10.0.0.5', 'fd00::5']);
  const udp = to('10.0.0.5');
  udp[9] = 17;
  const given = [to('10.0.0.5'), to('10.0.0.6'), to('fd00::5'), to('fd00::6'), udp, Uint8Array.of(69)];
  const left = splitSegments(segmentsHere(joinSegments(given), addresses));
  t.same(
    left.map((packet) => Buffer.from(packet).toString('hex')),
    [to('10.0.0.5'), to('fd00::5')].map((packet) => Buffer.from(packet).toString('hex')),
  );
  const cut = joinSegments(given).subarray(0, 30);
  t.same(splitSegments(segmentsHere(cut, addresses)), [], 'nor what is cut off');
  t.end();
});
