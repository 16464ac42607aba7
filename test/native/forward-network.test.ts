// The network of forwarded connections: what its sockets say comes out of the tunnel, what is given to it is heard, and nothing else leaves.
import t from 'tap';
import type { Test } from 'tap';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import { closeLocal } from '../../src/kernel/socket-facts.ts';
import { afInet, afInet6 } from '../../src/kernel/socket-options.ts';
import {
  joinSegments,
  makeSegment,
  readSegment,
  splitSegments,
  tcpAck,
  tcpSyn,
} from '../../src/kernel/tcp-segment.ts';
import { native } from '../../src/native.ts';
import { ForwardNetwork } from '../../src/target/forwarding/forward-network.ts';
import { sockaddr } from '../helpers/sockaddr.ts';

const image = {
  hosts: ['c0000205', '20010db8000000000000000000000005'].map(
    (hex) => new Uint8Array(Buffer.from(hex, 'hex')),
  ),
  mtu: 1400,
};
const skip = whyNot();
const badMessage = -74;

async function said(network: ForwardNetwork): Promise<ReturnType<typeof readSegment>[]> {
  for (let tries = 0; tries < 50; tries++) {
    await native.waitReadable(Int32Array.of(network.tunnel), 100);
    const packets = native.takePackets(network.tunnel, 1 << 20);
    if (typeof packets === 'number') throw new Error(`takePackets: ${packets}`);
    const segments = splitSegments(packets).flatMap((packet) => readSegment(packet) ?? []);
    if (segments.length > 0) return segments; // IPv6 talks to its neighbours, too
  }
  return [];
}

function whyNot(): string | false {
  try {
    ForwardNetwork.make(image)[Symbol.dispose]();
    return false;
  } catch (error) {
    return `this machine makes no such network: ${String(error)}`;
  }
}

function network(t: Test): ForwardNetwork {
  const found = ForwardNetwork.make(image);
  t.teardown(() => {
    found[Symbol.dispose]();
  });
  return found;
}

void t.test('what a socket says, and what it hears', { skip }, async (t) => {
  const there = network(t);
  t.strictSame(there.hosts, new Set(['192.0.2.5', '2001:db8::5']));
  for (const [family, own, other] of [
    [afInet, '192.0.2.5', '198.51.100.9'],
    [afInet6, '2001:db8::5', '2001:db8:1::9'],
  ] as const) {
    const fd = there.openSocket(family);
    const program = new Program();
    const local = sockaddr(own, 7001);
    program.call('bind', fd, program.bytes(local), local.length);
    program.call('listen', fd, 5);
    runLocal(program);
    // Made as for a raw socket: the checksums are still to be reckoned.
    const first = makeSegment({
      from: sockaddr(other, 4000),
      to: local,
      sequence: 100,
      acknowledged: 0,
      flags: tcpSyn,
      window: 1000,
    });
    t.equal(native.givePackets(there.tunnel, joinSegments([first])), 0);
    const [answer] = await said(there);
    t.match(answer, { acknowledged: 101, flags: tcpSyn | tcpAck, isFirst: false }, `${own} answers`);
    t.match(answer?.destination, other);
    closeLocal(fd);
  }
});

void t.test('what is not laid out so, or no packet', { skip }, async (t) => {
  const there = network(t);
  t.equal(native.givePackets(there.tunnel, Uint8Array.of(1, 2)), badMessage);
  t.equal(native.givePackets(there.tunnel, Uint8Array.of(200, 0, 0, 0, 0x45)), badMessage);
  const rubbish = [new Uint8Array(), Uint8Array.of(0x45), new Uint8Array(100), new Uint8Array(20).fill(0x4f)];
  t.equal(native.givePackets(there.tunnel, joinSegments(rubbish)), rubbish.length, 'none is taken');
  t.equal(native.sendSegments(joinSegments(rubbish)), rubbish.length, 'nor sent');
  t.ok(
    native.givePackets(
      -1,
      joinSegments([
        makeSegment({
          from: sockaddr('192.0.2.1', 1),
          to: sockaddr('192.0.2.5', 1),
          sequence: 0,
          acknowledged: 0,
          flags: tcpAck,
          window: 0,
        }),
      ]),
    ) === 1,
  );
  t.ok(Number(native.takePackets(-1, 100)) < 0);
});

const capture = native.openCapture(afInet, Uint8Array.of(192, 0, 2, 5));
const noCapture = capture < 0 ? 'packet sockets need CAP_NET_RAW' : false;

void t.test('a capture that is narrowed to ports, as many as there are', { skip: noCapture }, async (t) => {
  t.teardown(() => {
    closeLocal(capture);
  });
  for (const count of [1, 2, 255, 1500, 1501, 60_000]) {
    const ports = Uint16Array.from({ length: count }, (_, i) => i + 1);
    t.equal(native.narrowCapture(capture, afInet, Uint8Array.of(192, 0, 2, 5), ports), 0, `${count} ports`);
  }
  t.ok(native.narrowCapture(capture, afInet, Uint8Array.of(192, 0, 2), new Uint16Array(1)) < 0);
});
