// --external unix[INODE]:PATH and friends, --inherit-fd fd[N]:RES
import { GodwitError } from '../errors.ts';
import { socketLink, type External } from '../source/externals.ts';

export const externalOptions = {
  external: {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe:
      'unix[INODE]:PATH connects a unix socket to PATH on the target; unix[INODE]:closed and pipe[INODE]:closed: its other end counts as closed',
  },
  'inherit-fd': {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe:
      'fd[N]:RES: in the place of RES (pipe:[INODE], /dev/pts/3, ...) the descriptor N that receive was started with',
  },
} as const;

export interface ExternalArguments {
  readonly external: readonly string[];
  readonly 'inherit-fd': readonly string[];
}

/** @throws GodwitError USAGE */
export function parseExternals(args: ExternalArguments): External[] {
  const found = [...args.external.map(parseExternal), ...args['inherit-fd'].map(parseInherit)];
  const twice = found.find(({ link }, index) => found.findIndex((other) => other.link === link) !== index);
  if (twice === undefined) return found;
  throw new GodwitError('USAGE', `${twice.option}: something else is said of ${twice.link} already`);
}

const longestName = 107;

function parseExternal(text: string): External {
  const option = `--external ${text}`;
  const parts = /^(unix|pipe)\[(\d+)\]:(.+)$/.exec(text);
  const [, what, number, instead = ''] = parts ?? [];
  const link = what === 'pipe' ? `pipe:[${number ?? ''}]` : socketLink(Number(number));
  if (instead === 'closed') return { option, link, instead: { kind: 'closed' } };
  const isName = /^[/@]./.test(instead) && Buffer.byteLength(instead) <= longestName;
  if (what !== 'unix' || !isName) {
    throw new GodwitError(
      'USAGE',
      `${option}: it takes unix[INODE]:PATH, unix[INODE]:closed or pipe[INODE]:closed`,
      { hint: 'PATH is absolute, or an abstract name behind @, of at most 107 bytes' },
    );
  }
  const name = new Uint8Array(Buffer.from(instead.replace(/^@/, '\0')));
  return { option, link, instead: { kind: 'connect', name } };
}

function parseInherit(text: string): External {
  const option = `--inherit-fd ${text}`;
  const [, number, link] = /^fd\[(\d{1,9})\]:((?:pipe|socket):\[\d+\]|\/.+)$/.exec(text) ?? [];
  if (number === undefined || link === undefined) {
    throw new GodwitError('USAGE', `${option}: it takes fd[N]:RES, with RES as ls -l /proc/PID/fd shows it`, {
      hint: 'for example fd[3]:pipe:[4711], with 3 the number of a descriptor of receive',
    });
  }
  return { option, link, instead: { kind: 'inherit', fd: Number(number) } };
}
