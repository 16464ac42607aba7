// /proc/PID/net/unix: the unix sockets of a process's network namespace. It does not show who is connected to whom, nor the
// exact bytes of an abstract name: sockets.ts does.
import { readProcText } from './read-proc.ts';

export interface UnixEntry {
  readonly inode: number;
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5. */
  readonly type: number;
  /** SS_UNCONNECTED 1, SS_CONNECTING 2, SS_CONNECTED 3, SS_DISCONNECTING 4. */
  readonly state: number;
  /** __SO_ACCEPTCON 0x10000 for a listener. */
  readonly flags: number;
  readonly refCount: number;
  /** "" without a name; an abstract one begins with "@", and shows each of its zero bytes as "@". */
  readonly path: string;
}

const listening = 0x10000;

export function isListening(entry: Pick<UnixEntry, 'flags'>): boolean {
  return (entry.flags & listening) !== 0;
}

/** A path may hold newlines, unescaped: a line that does not begin like an entry belongs to the path before it. */
export function parseNetUnix(text: string): UnixEntry[] {
  const lines: string[] = [];
  for (const line of text.split('\n').slice(1, -1)) {
    if (/^[0-9a-f]{8,16}: [0-9A-F]{8} /.test(line)) lines.push(line);
    else if (lines.length > 0) lines.push(`${lines.pop() ?? ''}\n${line}`);
  }
  return lines.map(parseEntry);
}

/** "000000004fa56e9b: 00000003 00000000 00010000 0005 01 63400 @name" */
function parseEntry(line: string): UnixEntry {
  const match = /^\S+ ([0-9A-F]+) \S+ ([0-9A-F]+) ([0-9A-F]+) ([0-9A-F]+) +(\d+)(?: ([^]*))?$/.exec(line);
  const [, refCount = '0', flags = '0', type = '0', state = '0', inode = '0', path = ''] = match ?? [];
  return {
    inode: Number(inode),
    type: Number.parseInt(type, 16),
    state: Number.parseInt(state, 16),
    flags: Number.parseInt(flags, 16),
    refCount: Number.parseInt(refCount, 16),
    path,
  };
}

/** Undefined when the process is gone. */
export function readNetUnix(pid: number | 'self'): UnixEntry[] | undefined {
  const text = readProcText(pid, 'net/unix');
  return text === undefined ? undefined : parseNetUnix(text);
}
