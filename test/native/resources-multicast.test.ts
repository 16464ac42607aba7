// Multicast groups of UDP sockets: dumped from one process, restored into another; and what a target without the interface says.
import t from 'tap';
import { closeLocal, openSocket } from '../../src/kernel/socket-facts.ts';
import { joinGroup, MembershipReader } from '../../src/kernel/memberships.ts';
import { afInet, afInet6, sockDgram, solIp, solIpv6 } from '../../src/kernel/socket-options.ts';
import { setOptions } from '../../src/kernel/socket-values.ts';
import { checkInterfaces } from '../../src/target/check/interfaces.ts';
import { pythonMissing } from '../helpers/open-file-puppets.ts';
import { roundTrip } from '../helpers/open-file-trip.ts';

const skip = await pythonMissing();
const ipMulticastIf = 32;
const ipv6MulticastIf = 17;

const helpers = `
lo = socket.if_nametoindex('lo')
def sockaddr(host):
    try: packed = struct.pack('HH4s', 2, 0, socket.inet_aton(host))
    except OSError: packed = struct.pack('HHI16sI', 10, 0, 0, socket.inet_pton(10, host), 0)
    return packed.ljust(128, b'\\0')
def level(host): return 41 if ':' in host else 0
def join(s, group): s.setsockopt(level(group), 42, struct.pack('=I4x', lo) + sockaddr(group))
def source(s, option, group, host): s.setsockopt(level(group), option, struct.pack('=I4x', lo) + sockaddr(group) + sockaddr(host))
def groups(s):  # mode and sources of every group that is asked for
    found = {}
    for group in ('239.77.2.1', '239.77.2.2', '239.77.2.3', 'ff15::77:21', 'ff15::77:22'):
        room = struct.pack('=I4x', lo) + sockaddr(group) + struct.pack('=II', 0, 70) + bytes(128 * 70)
        buffer = ctypes.create_string_buffer(room, len(room)); size = ctypes.c_uint(len(room))
        if libc.getsockopt(s.fileno(), level(group), 48, buffer, ctypes.byref(size)) != 0: continue
        mode, count = struct.unpack_from('=II', buffer.raw, 136)
        found[group] = [mode, sorted(buffer.raw[144 + 128 * i:172 + 128 * i].hex() for i in range(count))]
    return found
`;

void t.test('members stay members with their filters, others stay none', { skip }, async (t) => {
  await roundTrip(
    {
      make: `${helpers}
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); f = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
join(a, '239.77.2.1'); source(a, 43, '239.77.2.1', '127.0.0.5')
for i in range(10): source(a, 46, '239.77.2.2', '127.0.1.%d' % i)
join(f, '239.77.2.3'); join(f, 'ff15::77:21'); f.setsockopt(41, ${ipv6MulticastIf}, lo)
for i in range(60): source(f, 46, 'ff15::77:22', 'fd00::%x' % (i + 1))
a.bind(('127.0.0.1', 0))
globals().update(a=a, b=b, f=f); keep.update(fds=[a.fileno(), b.fileno(), f.fileno()], was=[groups(a), groups(b), groups(f)])
expect('members', [2, 0, 3], [len(found) for found in keep['was']])
`,
      check: `${helpers}
a, b, f = [socket.socket(fileno=fd) for fd in keep['fds']]
expect('groups', keep['was'], [groups(a), groups(b), groups(f)])
expect('interface', lo, f.getsockopt(41, ${ipv6MulticastIf}))
`,
    },
    ({ dumped }) => {
      const interfaces = dumped.openFiles.flatMap(({ resource }) =>
        resource.kind === 'udp' ? [resource.memberships.map(({ device }) => device)] : [],
      );
      t.same(interfaces, [['lo', 'lo'], [], ['lo', 'lo', 'lo']]);
    },
  );
});

void t.test('no group that sockets may have joined, no question', (t) => {
  const reader = new MembershipReader([]);
  // Not even of a descriptor that is none.
  t.same(reader.of(-1, afInet6), []);
  t.end();
});

void t.test('an interface that is not here is named', (t) => {
  const fd = openSocket(afInet, sockDgram, 0);
  const group = new Uint8Array([239, 77, 2, 4]);
  t.equal(
    joinGroup(fd, { device: 'nosuch0', group, mode: 'exclude', sources: [] }),
    'there is no network interface nosuch0',
  );
  t.equal(joinGroup(fd, { device: 'lo', group, mode: 'exclude', sources: [] }), undefined);
  t.equal(
    joinGroup(fd, { device: 'lo', group: new Uint8Array([10, 0, 0, 1]), mode: 'exclude', sources: [] }),
    'EINVAL',
  );
  closeLocal(fd);
  t.match(checkInterfaces({ interfaces: ['lo', 'nosuch0'] }), [
    { side: 'target', object: 'network interface nosuch0', reason: /not here/ },
  ]);
  t.end();
});

void t.test('the interface that multicast is sent to is set by name', (t) => {
  const option = (level: number, name: number, value: readonly number[], device: string) => ({
    level,
    name,
    value: Uint8Array.from([...value, ...Buffer.from(device)]),
  });
  const fd = openSocket(afInet, sockDgram, 0);
  // An address of documentation (RFC 5737): no host has it.
  setOptions(fd, [option(solIp, ipMulticastIf, [198, 51, 100, 254], 'lo')], 'a socket');
  t.throws(() => {
    setOptions(fd, [option(solIp, ipMulticastIf, [198, 51, 100, 254], 'nosuch0')], 'a socket');
  }, /IP_MULTICAST_IF \(EADDRNOTAVAIL\)/);
  closeLocal(fd);
  const six = openSocket(afInet6, sockDgram, 0);
  setOptions(six, [option(solIpv6, ipv6MulticastIf, [], 'lo')], 'a socket');
  t.throws(() => {
    setOptions(six, [option(solIpv6, ipv6MulticastIf, [], 'nosuch0')], 'a socket');
  }, /IPV6_MULTICAST_IF \(ENODEV\)/);
  closeLocal(six);
  t.end();
});
