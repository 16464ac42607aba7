// fanotify marks on mounts and file systems: what is at the same path on the target is watched there, and what is not mounted there is refused.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import { godwitPath } from '../helpers/godwit-path.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';

const skip = await unless('hosts', 'godwit', 'command:python3');

/**
 * Watches a mount, its file system, and all that is opened on the mount of "/". Says who has done what to a file in the first two; of the
 * third whether something came.
 */
const watcher = (place: string): string => `
import ctypes, os, select, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.fanotify_mark.argtypes = [ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p]
def group(flags, type, mask, name):
    fd = libc.fanotify_init(flags, 0)
    assert libc.fanotify_mark(fd, 1 | type, mask, -100, name.encode()) == 0, os.strerror(ctypes.get_errno())
    return fd
names = {group(0, 0x10, 0x4000003b, '${place}'): 'mount', group(0, 0x100, 0x4000003b, '${place}'): 'filesystem', group(0, 0x10, 0x40000020, '/'): 'root'}
ready = select.poll()
for fd in names: ready.register(fd, select.POLLIN)
print('ready', flush=True)
while True:
    for fd, _ in ready.poll():
        data = os.read(fd, 65536)
        while data:
            length, mask, f, pid = struct.unpack_from('I4xQii', data); data = data[length:]
            if names[fd] != 'root': print(names[fd], hex(mask), os.path.basename(os.readlink('/proc/self/fd/%d' % f)), flush=True)
            os.close(f)`;

await t.test(
  'a mount and a file system are watched under their path, and nobody hears of the agents',
  { skip, timeout: roundsTimeoutMs },
  async (t) => {
    await using hosts = await makeHosts({ count: 2 });
    const { a, b } = hosts;
    const place = join(hosts.scratch, 'watched');
    mkdirSync(place);
    const mount = ['-t', 'tmpfs', 'watched', place];
    t.equal((await a.run('mount', mount)).code, 0);
    await b.receive();
    const program = await a.spawn('python3', ['-c', watcher(place)]);
    await until('it watches', () => program.log().includes('ready'));

    const refused = await a.run(process.execPath, [
      ...[godwitPath, 'check', '--pid', String(program.pid)],
      ...['--to', b.receiver?.address ?? '', ...(b.receiver?.security ?? []), '--json'],
    ]);
    t.equal(refused.code, 3, 'refused');
    t.match(refused.stdout, new RegExp(`the mount at ${place}, and nothing is mounted there on this host`));
    t.match(refused.stdout, new RegExp(`the file system at ${place}, and nothing is mounted there`));

    t.equal((await b.run('mount', mount)).code, 0);
    const moved = await a.migrate(program.pid, b);
    t.equal(moved.code, 0, `${moved.stdout}${moved.stderr}`);
    t.equal(program.log(), 'ready\n', 'nothing was heard so far');
    const touch = (name: string): string[] => ['-c', `: > ${join(place, name)}`];
    t.equal((await a.run('sh', touch('on-the-source'))).code, 0);
    t.equal((await b.run('sh', touch('on-the-target'))).code, 0);
    await until('both have told', () => /mount .*filesystem |filesystem .*mount /s.test(program.log()));
    t.notMatch(program.log(), /on-the-source/);
    b.kill(program.pid);
    await b.waitGone(program.pid);
  },
);
