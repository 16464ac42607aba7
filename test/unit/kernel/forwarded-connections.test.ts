// Which packets belong to connections that are forwarded: a peer may send nothing else in this host's name, nor to its sockets.
import t from 'tap';
import type { OpenFile } from '../../../src/images/state.ts';
import { connectionName, ForwardedConnections } from '../../../src/kernel/forwarded-connections.ts';
import { makeSegment, readSegment, tcpAck, tcpRst } from '../../../src/kernel/tcp-segment.ts';
import { sockaddr } from '../../helpers/sockaddr.ts';

const segment = (from: Uint8Array, to: Uint8Array): Uint8Array =>
  makeSegment({ from, to, sequence: 1, acknowledged: 1, flags: tcpAck, window: 1 });

const tree = sockaddr('10.0.0.5', 80);
const mapped = sockaddr('::ffff:10.0.0.5', 443);
const tree6 = sockaddr('fd00::5', 80);
const client = sockaddr('10.0.0.9', 4000);
const client6 = sockaddr('fd00::9', 4000);

const file = (local: Uint8Array, remote: Uint8Array, outside = true): OpenFile =>
  ({
    resource: {
      kind: 'tcp',
      state: 'connected',
      local,
      connection: {
        remote,
        sendNext: 1000,
        ...(outside ? { outside: { sent: new Uint8Array(5), finSent: true } } : {}),
      },
    },
  }) as unknown as OpenFile;

t.test('those with others, of addresses that stay', (t) => {
  const files = [
    file(tree, client),
    file(mapped, sockaddr('::ffff:10.0.0.9', 4001)),
    file(tree6, client6),
    file(sockaddr('10.0.0.6', 80), client),
    file(tree, sockaddr('10.0.0.5', 4000), false),
    { resource: { kind: 'tcp', state: 'listening', local: tree } } as unknown as OpenFile,
    { resource: { kind: 'pipe' } } as unknown as OpenFile,
  ];
  t.strictSame(new ForwardedConnections(files, new Set(['10.0.0.5', 'fd00::5'])).names, [
    '10.0.0.5:80 10.0.0.9:4000',
    '10.0.0.5:443 10.0.0.9:4001',
    connectionName('[fd00::5]:80', '[fd00::9]:4000'),
  ]);
  t.end();
});

t.test('their packets, there and back', (t) => {
  const files = [file(tree, client), file(tree6, client6)];
  const connections = new ForwardedConnections(files, new Set(['10.0.0.5', 'fd00::5']));
  const there = [segment(client, tree), segment(client6, tree6)];
  const back = [segment(tree, client), segment(tree6, client6)];
  const udp = segment(client, tree);
  udp[9] = 17;
  const others = [
    segment(client, mapped),
    segment(sockaddr('10.0.0.9', 4001), tree),
    udp,
    new Uint8Array(),
    Uint8Array.of(69),
  ];
  t.strictSame(connections.packetsOf([...back, ...there, ...others], true), there);
  t.strictSame(connections.packetsOf([...there, ...back, ...others], false), back);
  t.end();
});

t.test('what tells their other ends of the end', (t) => {
  const connections = new ForwardedConnections([file(tree, client)], new Set(['10.0.0.5']));
  const reset = (): unknown => connections.resets().map((packet) => readSegment(packet));
  const expected = { source: '10.0.0.5:80', destination: '10.0.0.9:4000', flags: tcpRst };
  t.match(reset(), [{ ...expected, sequence: 1006 }], 'behind what it had said when it was frozen');
  connections.packetsOf(
    [makeSegment({ from: client, to: tree, sequence: 1, acknowledged: 2000, flags: tcpAck, window: 1 })],
    true,
  );
  t.match(reset(), [{ ...expected, sequence: 2000 }], 'or what the other end knows to have come');
  connections.packetsOf(
    [makeSegment({ from: tree, to: client, sequence: 1500, acknowledged: 1, flags: tcpAck, window: 1 })],
    false,
  );
  t.match(reset(), [{ ...expected, sequence: 2000 }], 'what is said again tells nothing');
  connections.delete('10.0.0.5:80 10.0.0.9:4000');
  t.strictSame(reset(), []);
  t.equal(connections.size, 0);
  t.end();
});
