// A tree with ends outside: a pipe to read from, a pipe to write to, a connection to a service, a socket that logs. Each is refused by
// name, and carried as told: connected again, closed, or given by whoever has started the target's receive.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { until } from '../helpers/commands.ts';
import type { Host, ReportLine } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { explain } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

const skip = await unless('hosts', 'godwit', 'command:python3');
t.setTimeout(240_000);

/** Says who connects and what is logged; answers every line with its own name. "push" is answered with more than was asked for. */
const service = `
import os, socket, struct, sys, threading
name, path, log = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX); listener.bind(path); listener.listen()
logs = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); logs.bind(log)
def hear():
    while True: print('logged', logs.recv(100).decode(), flush=True)
threading.Thread(target=hear, daemon=True).start()
def serve(client):
    pid, uid, gid = struct.unpack('3i', client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    print('client', pid, uid, gid, flush=True)
    while True:
        line = client.recv(100)
        if not line: break
        client.sendall(name.encode() if line != b'push' else name.encode() + b' and more')
print('ready', flush=True)
while True: threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
`;
/** Its child is the tree; it keeps the other ends of the child's input and output, and says what comes out. */
const launcher = `
import os, sys
path, log, report, program = sys.argv[1:]
inside, feed = os.pipe(); result, outside = os.pipe()
child = os.fork()
if child == 0:
    os.dup2(inside, 0); os.dup2(outside, 1); os.dup2(os.open(report + '.errors', os.O_CREAT | os.O_WRONLY), 2)
    os.closerange(3, 20); os.setsid(); os.setgid(4321); os.setuid(1234)
    os.execvp('python3', ['python3', program, path, log, report])
os.close(inside); os.close(outside)
print('child', child, os.readlink('/proc/self/fd/%d' % feed), os.readlink('/proc/self/fd/%d' % result), flush=True)
while came := os.read(result, 100): print('came', came.decode(), flush=True)
os.close(feed)
while True: os.wait()
`;
/** SIGUSR1: looks at all of its ends. SIGUSR2: asks for more than it reads. */
const program = `
import os, signal, socket, sys
service = socket.socket(socket.AF_UNIX); service.connect(sys.argv[1])
logs = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); logs.connect(sys.argv[2])
report = open(sys.argv[3], 'a', buffering=1)
def inode(sock): return os.readlink('/proc/self/fd/%d' % sock.fileno())
os.set_blocking(0, False)
def look(*_):
    try: heard = 'end' if os.read(0, 100) == b'' else 'something'
    except BlockingIOError: heard = 'nothing'
    try: kept = service.recv(100, socket.MSG_DONTWAIT).decode()
    except BlockingIOError: kept = ''
    try: service.sendall(b'who'); answer = service.recv(100).decode() + ', ' + service.getpeername()
    except BrokenPipeError: answer = 'gone'
    try: logs.send(b'a line'); logged = ''
    except ConnectionRefusedError: logged = ' logs are gone'
    os.write(1, b'spoken')
    report.write('input %s,%s service %s%s\\n' % (heard, kept, answer, logged))
def ask(*_): service.sendall(b'push'); service.recv(1); report.write('asked\\n')
signal.signal(signal.SIGUSR1, look); signal.signal(signal.SIGUSR2, ask)
report.write('ready %s %s\\n' % (inode(service), inode(logs)))
while True: signal.pause()
`;

const lines = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');
const inodeOf = (link: string | undefined): string => /\d+/.exec(link ?? '')?.[0] ?? '';
const blockersOf = (line: ReportLine | undefined): string =>
  ((line?.['blockers'] ?? []) as { object: string; reason: string; remedy: string }[])
    .map(({ object, reason, remedy }) => `${object}: ${reason}. ${remedy}`)
    .join('\n');

interface Bed {
  readonly pid: number;
  readonly report: string;
  /** Inodes. */
  readonly feed: string;
  readonly result: string;
  readonly stream: string;
  readonly logs: string;
  /** What the launcher says. */
  readonly came: () => string;
}

async function startService(host: Host): Promise<{ path: string; log: string; said: () => string }> {
  const [path, log] = [join(host.scratch, `service-${host.name}`), join(host.scratch, `log-${host.name}`)];
  const spawned = await host.spawn('python3', ['-c', service, host.name, path, log], { name: 'service' });
  await until('the service is ready', () => spawned.log().includes('ready'));
  await host.run('chmod', ['777', path, log]);
  return { path, log, said: () => spawned.log() };
}

async function startTree(host: Host, path: string, log: string): Promise<Bed> {
  const [report, source] = [join(host.scratch, 'report'), join(host.scratch, 'program.py')];
  writeFileSync(source, program);
  writeFileSync(report, '', { mode: 0o666 });
  await host.run('chmod', ['666', report]);
  const spawned = await host.spawn('python3', ['-c', launcher, path, log, report, source], {
    name: 'launcher',
  });
  await until(
    () => `the program is ready: ${spawned.errors()}`,
    () => /child .*\n/.test(spawned.log()) && /ready .*\n/.test(readFileSync(report, 'utf8')),
  );
  const [, pid, feed, result] = /child (\d+) (\S+) (\S+)/.exec(spawned.log()) ?? [];
  const [, stream, logs] = lines(report)[0]?.split(' ') ?? [];
  return {
    pid: Number(pid),
    report,
    feed: inodeOf(feed),
    result: inodeOf(result),
    stream: inodeOf(stream),
    logs: inodeOf(logs),
    came: () => spawned.log(),
  };
}

async function look(t: Test, host: Host, { pid, report }: Bed, expected: string): Promise<void> {
  const before = lines(report).length;
  await host.run('kill', ['-USR1', String(pid)]);
  await until(
    () => `the program has looked: ${readFileSync(`${report}.errors`, 'utf8')}`,
    () => lines(report).length > before,
  );
  t.equal(lines(report).at(-1), expected, `what the program finds on ${host.name}`);
}

await t.test(
  'what stays behind is refused by name, and carried as told',
  { skip, timeout: 220_000 },
  async (t) => {
    await using hosts = await makeHosts();
    const { a, b } = hosts;
    const [serviceA, serviceB] = [await startService(a), await startService(b)];
    const given = join(b.scratch, 'given');
    writeFileSync(given, 'what it holds already\n');
    await a.receive();
    await b.receive({ args: ['--inherit-fd', '3'], redirect: `3>>${given}` });
    const bed = await startTree(a, serviceA.path, serviceA.log);
    const { pid, feed, result, stream, logs } = bed;
    await look(t, a, bed, `input nothing, service a, ${serviceA.path}`);

    const refused = await a.migrate(pid, b);
    t.equal(refused.code, 3);
    const why = blockersOf(refused.report);
    t.match(why, `--external unix[${stream}]:PATH`);
    t.match(why, `--external unix[${logs}]:closed`);
    t.match(why, `--external pipe[${feed}]:closed`);
    t.match(why, `--inherit-fd fd[N]:pipe:[${result}]`);
    const told = [
      ...['--external', `unix[${stream}]:${serviceB.path}`, '--external', `unix[${logs}]:${serviceB.log}`],
      ...['--external', `pipe[${feed}]:closed`],
    ];
    const wrong = await a.migrate(pid, b, {
      args: [
        ...['--external', `unix[${stream}]:/nowhere`, '--external', 'unix[1]:closed'],
        ...['--external', `pipe[${feed}]:closed`, '--inherit-fd', `fd[7]:pipe:[${result}]`],
      ],
    });
    t.equal(wrong.code, 3);
    t.match(blockersOf(wrong.report), '/nowhere: there is no such socket here');
    t.match(blockersOf(wrong.report), '--external unix[1]:closed: the tree has nothing of this name open');
    t.match(blockersOf(wrong.report), 'receive was not started with a descriptor 7');
    const odd = await a.migrate(pid, b, { args: ['--external', `pipe[${feed}]:/a/file`] });
    t.equal(odd.code, 2, 'a pipe cannot be connected');

    await a.run('kill', ['-USR2', String(pid)]);
    await until('it has asked', () => lines(bed.report).at(-1) === 'asked');
    const args = [...told, '--inherit-fd', `fd[3]:pipe:[${result}]`];
    const unread = await a.migrate(pid, b, { args });
    t.equal(unread.code, 3, 'what waits to be read is not lost');
    t.match(JSON.stringify(unread.lines), '9 bytes from outside the tree wait to be read');
    t.ok(a.process(pid), 'the tree runs on');
    await look(t, a, bed, `input nothing, and more service a, ${serviceA.path}`);

    const moved = await a.migrate(pid, b, { args });
    if (moved.code !== 0) return void t.fail(explain(moved, b));
    await look(t, b, bed, `input end, service b, ${serviceB.path}`);
    t.match(serviceB.said(), `client ${pid} 1234 4321`, 'the service sees who the program is');
    await until('the line is logged', () => serviceB.said().includes('logged a line'));
    t.equal(
      readFileSync(given, 'utf8'),
      'what it holds already\nspoken',
      'what it says goes to the descriptor that was given',
    );
    t.equal(bed.came().match(/spoken/g)?.length, 2, 'and not to the launcher any more');
    const inodes =
      (await b.run('readlink', [`/proc/${pid}/fd/3`, `/proc/${pid}/fd/4`])).stdout.match(/\d+/g) ?? [];
    const closed = inodes.flatMap((inode) => ['--external', `unix[${inode}]:closed`]);
    const back = await b.migrate(pid, a, { args: closed });
    if (back.code !== 0) return void t.fail(explain(back, a));
    await look(t, a, bed, 'input end, service gone logs are gone');
    t.strictSame(await b.lastingLeftovers(b.processes().flatMap(({ nsPids }) => nsPids)), []);
    await a.run('kill', [String(pid)]);
    const lastingLeftovers = await a.lastingLeftovers(
      a.processes().flatMap(({ nsPids }) => nsPids), // the service and the launcher
    );
    t.strictSame(lastingLeftovers, []);
  },
);

/** Its child has a terminal for its input and output, which somebody else reads. */
const onTerminal = `
import os, pty, time
master, slave = pty.openpty()
child = os.fork()
if child == 0:
    os.close(master); os.setsid()
    for fd in range(3): os.dup2(slave, fd)
    os.close(slave)
    while True: print('line', flush=True); time.sleep(0.05)
print('child', child, os.ttyname(slave), flush=True)
os.close(slave)
while True:
    try: os.read(master, 100)
    except OSError: break
while True: time.sleep(100)
`;

await t.test('a terminal stays where it is, and another file takes its place', { skip }, async (t) => {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const given = join(b.scratch, 'given');
  await b.receive({ args: ['--inherit-fd', '5'], redirect: `5<>${given}` });
  const launcher = await a.spawn('python3', ['-c', onTerminal], { name: 'launcher' });
  await until('the program runs', () => /child .*\n/.test(launcher.log()));
  const [, pid, terminal = ''] = /child (\d+) (\S+)/.exec(launcher.log()) ?? [];
  const refused = await a.migrate(Number(pid), b);
  t.equal(refused.code, 3);
  t.match(blockersOf(refused.report), `--inherit-fd fd[N]:${terminal}`);
  const moved = await a.migrate(Number(pid), b, { args: ['--inherit-fd', `fd[5]:${terminal}`] });
  if (moved.code !== 0) return void t.fail(explain(moved, b));
  await until('it goes on', () => readFileSync(given, 'utf8').startsWith('line\nline\n'));
  t.pass('what it says goes to that file');
});
