// Sockets: by /proc/PID/net and by netlink, which must agree about real ones.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { listFds } from '../../../../src/kernel/proc/fd.ts';
import { addressText, endpointText, parseHexAddress } from '../../../../src/kernel/proc/inet-address.ts';
import { parseNetTcp, readNetTcp } from '../../../../src/kernel/proc/net-tcp.ts';
import { isListening, parseNetUnix, readNetUnix } from '../../../../src/kernel/proc/net-unix.ts';
import { readNamespaces } from '../../../../src/kernel/proc/ns.ts';
import { hasCommand } from '../../../helpers/commands.ts';
import { inetListeners, tcpSockets, udpSockets, unixSockets } from '../../../../src/kernel/sockets.ts';

t.test('addresses read as people write them', (t) => {
  const texts: [string, string][] = [
    ['0100007F', '127.0.0.1'],
    ['00000000', '0.0.0.0'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000001000000', '::1'],
    ['0000000000000000FFFF00000A00000A', '::ffff:10.0.0.10'],
    ['B80D0120000000000000000001000000', '2001:db8::1'],
    ['B80D0120010000000000000000000100', '2001:db8:0:1::1:0'],
    ['B80D0120010002000300040005000600', '2001:db8:2:1:4:3:6:5'],
  ];
  for (const [hex, text] of texts) t.equal(addressText(parseHexAddress(hex)), text);
  t.equal(endpointText('::1', 80), '[::1]:80');
  t.equal(endpointText('127.0.0.1', 80), '127.0.0.1:80');
  t.end();
});

t.test('net/tcp: listeners, connections, sockets without an inode', (t) => {
  const [listener, established, waiting] = parseNetTcp(
    `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 00000000:07E8 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 609 1 0000000048f27b58 100 0 0 10 0                       
   1: FE3C9D0A:B0C4 013C9D0A:1F90 01 00000001:00000020 04:00000568 00000000     0        7 612 3 000000007bb07007 20 4 29 11 -1                        
  10: 0100007F:B0C4 0100007F:1F90 06 00000000:00000000 03:00000568 00000000     0        0 0 3 000000007bb07007\n`,
  );
  t.match(listener, { family: 4, state: 'listen', local: '0.0.0.0:2024', inode: 609, uid: 1000, rxQueue: 3 });
  t.match(established, {
    state: 'established',
    localAddress: '10.157.60.254',
    localPort: 45252,
    remote: '10.157.60.1:8080',
    txQueue: 1,
    rxQueue: 32,
  });
  t.match(waiting, { state: 'time-wait', inode: 0 });
  t.end();
});

t.test('net/unix: abstract names, names with spaces and newlines, no name', (t) => {
  const entries = parseNetUnix(`Num       RefCount Protocol Flags    Type St Inode Path
000000006f2d2bd5: 00000003 00000000 00000000 0001 03  1084
00000000680dc152: 00000002 00000000 00010000 0001 01 63402 @ab
c@d
00000000680dc153: 00000002 00000000 00010000 0005 01 63403 /tmp/odd sock
with: 2 lines
00000000680dc154: 00000003 00000000 00000000 0002 03 63404
`);
  t.same(
    entries.map(({ inode, type, path }) => ({ inode, type, path })),
    [
      { inode: 1084, type: 1, path: '' },
      { inode: 63402, type: 1, path: '@ab\nc@d' },
      { inode: 63403, type: 5, path: '/tmp/odd sock\nwith: 2 lines' },
      { inode: 63404, type: 2, path: '' },
    ],
  );
  t.same(entries.map(isListening), [false, true, true, false]);
  t.end();
});

async function listen(t: Test, options: ListenOptions): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(options);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return server;
}

t.test('netlink shows a TCP listener with its backlog, IPv6 only or not', async (t) => {
  const v4 = await listen(t, { host: '127.0.0.1', port: 0, backlog: 17 });
  const port = (v4.address() as { port: number }).port;
  const found = inetListeners().find((socket) => socket.localPort === port);
  t.match(found, {
    family: 4,
    local: `127.0.0.1:${port}`,
    state: 'listen',
    wqueue: 17,
    rqueue: 0,
    interface: 0,
  });
  t.ok(
    listFds('self')?.some(({ inode }) => inode === found?.inode),
    'its inode is that of our descriptor',
  );
  t.match(
    readNetTcp('self')?.find(({ inode }) => inode === found?.inode),
    { local: `127.0.0.1:${port}` },
  );

  const [only, both] = [
    await listen(t, { host: '::1', port: 0, ipv6Only: true }),
    await listen(t, { host: '::', port: 0 }),
  ];
  const v6onlyOf = (server: Server): boolean | undefined =>
    inetListeners().find(({ localPort }) => localPort === (server.address() as { port: number }).port)
      ?.v6only;
  t.equal(v6onlyOf(only), true);
  t.equal(v6onlyOf(both), false);
});

t.test('netlink shows both ends of a TCP connection', async (t) => {
  const server = await listen(t, { host: '127.0.0.1', port: 0 });
  const port = (server.address() as { port: number }).port;
  const client = connect(port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [
    [typeof client],
    unknown,
  ];
  t.teardown(() => {
    client.destroy();
    accepted.destroy();
  });
  const ends = [...tcpSockets().values()].filter(
    (s) => s.state === 'established' && [s.localPort, s.remotePort].includes(port),
  );
  t.equal(ends.length, 2);
  t.equal(ends[0]?.local, ends[1]?.remote);
});

t.test('netlink shows UDP sockets, bound and connected', async (t) => {
  const bound = createSocket('udp4').bind(0, '127.0.0.1');
  await once(bound, 'listening');
  const connected = createSocket('udp4');
  connected.connect(bound.address().port, '127.0.0.1');
  await once(connected, 'connect');
  const { port } = bound.address();
  const sockets = [...udpSockets().values()];
  t.match(
    sockets.find((s) => s.localPort === port),
    { local: `127.0.0.1:${port}`, state: 'close' },
  );
  t.match(
    sockets.find((s) => s.remotePort === port),
    { state: 'established' },
  );
  bound.close();
  connected.close();
});

t.test('netlink shows who is connected to whom over unix sockets', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-net-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'odd name\nof two lines');
  const server = await listen(t, { path, backlog: 9 });
  const client = connect(path);
  await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  t.teardown(() => client.destroy());
  const sockets = [...unixSockets().values()];
  const nameOf = ({ name }: { name: Uint8Array | null }): string =>
    Buffer.from(name ?? [])
      .toString()
      .replace(/\0$/, '');
  const listener = sockets.find((s) => s.state === 'listening' && nameOf(s) === path);
  t.match(listener, { type: 1, wqueue: 9, rqueue: 0, peerInode: 0, pendingInodes: [] });
  const accepted = sockets.find((s) => s.state === 'connected' && nameOf(s) === path);
  const other = sockets.find((s) => s.inode === accepted?.peerInode);
  t.equal(other?.peerInode, accepted?.inode);
  t.equal(other?.name, null, 'the client has no name');
  t.match(
    readNetUnix('self')?.find(({ inode }) => inode === listener?.inode),
    { path },
  );
});

t.test(
  'an abstract name keeps its zero bytes, and connections that wait are named',
  { skip: (await hasCommand('python3')) ? false : 'python3 is not installed' },
  async (t) => {
    const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind('\\0godwit\\0' + sys.argv[1]); s.listen(3)
c = socket.socket(socket.AF_UNIX); c.connect('\\0godwit\\0' + sys.argv[1])
print('ready', flush=True); sys.stdin.read()`;
    const name = `test ${process.pid}`;
    const child = spawn('python3', ['-c', script, name], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.teardown(() => child.kill());
    await once(child.stdout, 'data');
    const sockets = [...unixSockets().values()];
    const wanted = Buffer.from(`\0godwit\0${name}`);
    const listener = sockets.find((s) => s.state === 'listening' && s.name !== null && wanted.equals(s.name));
    t.match(listener, { rqueue: 1, wqueue: 3 });
    t.equal(listener?.pendingInodes.length, 1);
    const inodes = listFds(child.pid ?? 0)?.map(({ inode }) => inode);
    t.ok(inodes?.includes(listener?.pendingInodes[0]), 'it is the connecting socket, not the embryo');
  },
);

t.test(
  'the sockets of another network namespace are seen, and ours stays ours',
  { skip: needsRoot() },
  async (t) => {
    const ours = readNamespaces('self')?.net;
    const script = `require('net').createServer().listen({path: '\\0godwit-other-${process.pid}'}, () => console.log('ready'))`;
    const child = spawn('unshare', ['--net', process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill());
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    const names = [...unixSockets(pid).values()].map(({ name }) => Buffer.from(name ?? []).toString());
    t.ok(
      names.some((name) => name.startsWith(`\0godwit-other-${process.pid}`)),
      names.join(),
    );
    t.same(inetListeners(pid), []);
    t.notOk([...unixSockets().values()].some(({ name }) => Buffer.from(name ?? []).includes('godwit-other')));
    t.equal(readNamespaces('self')?.net, ours);
    t.throws(() => unixSockets(2 ** 22), { code: 'SYSCALL', message: /ENOENT/ });
  },
);

function needsRoot(): string | false {
  return process.geteuid?.() === 0 ? false : 'another network namespace needs root';
}
