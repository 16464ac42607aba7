import t from 'tap';
import { parseExternals } from '../../../src/cli/external.ts';

const parse = (external: string[], inherit: string[] = []): ReturnType<typeof parseExternals> =>
  parseExternals({ external, 'inherit-fd': inherit });

t.test('a unix socket is connected to a path or an abstract name', async (t) => {
  const [path, abstract] = parse(['unix[12]:/run/service', 'unix[13]:@bus']);
  t.strictSame(path?.link, 'socket:[12]');
  t.strictSame(path?.instead, { kind: 'connect', name: new Uint8Array(Buffer.from('/run/service')) });
  t.strictSame(abstract?.instead, { kind: 'connect', name: new Uint8Array(Buffer.from('\0bus')) });
});

t.test('either may be closed', async (t) => {
  const found = parse(['unix[12]:closed', 'pipe[12]:closed']);
  t.strictSame(
    found.map(({ link }) => link),
    ['socket:[12]', 'pipe:[12]'],
  );
  t.ok(found.every(({ instead }) => instead.kind === 'closed'));
});

t.test('a descriptor takes the place of whatever /proc/PID/fd shows', async (t) => {
  const [pipe, terminal] = parse([], ['fd[3]:pipe:[77]', 'fd[10]:/dev/pts/4']);
  t.match(pipe, { link: 'pipe:[77]', instead: { kind: 'inherit', fd: 3 } });
  t.match(terminal, { link: '/dev/pts/4', instead: { kind: 'inherit', fd: 10 } });
});

t.test('anything else is refused with what it was', async (t) => {
  for (const text of [
    'unix[12]',
    'unix[x]:/a',
    'pipe[3]:/a/file',
    'unix[3]:relative',
    `unix[3]:/${'a'.repeat(107)}`,
  ])
    t.throws(() => parse([text]), { code: 'USAGE', message: text });
  for (const text of ['3:pipe:[7]', 'fd[3]:pipe[7]', 'fd[3]:', 'fd[x]:/a'])
    t.throws(() => parse([], [text]), { code: 'USAGE', message: text });
  t.throws(() => parse(['pipe[7]:closed'], ['fd[3]:pipe:[7]']), { code: 'USAGE', message: 'already' });
});
