// The settings of the network namespace of this thread: files below /proc/sys/net, of which each namespace has its own.
// Synchronous on purpose: the kernel looks at who asks, and other threads of an agent stay in its own network.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Sysctl = [name: string, value: string];

const root = '/proc/sys/net';
const writable = 0o200;

/** In the order in which they are to be set: what is for all before what is for new interfaces, and that before single ones. */
export function readSysctls(): Sysctl[] {
  return [...namesBelow('')]
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .flatMap((name): Sysctl[] => {
      const value = readSysctl(name);
      return value === undefined ? [] : [[name, value]];
    });
}

/** True: it has the value now. Preconditions: a name that readSysctls could have told. */
export function writeSysctl(name: string, value: string): boolean {
  if (readSysctl(name) === value) return true;
  try {
    writeFileSync(join(root, name), value);
  } catch {
    return false;
  }
  return true;
}

/** Whether a name stays below /proc/sys/net. */
export function isSysctlName(name: string): boolean {
  return /^[\w.@:-]+(\/[\w.@:-]+)*$/.test(name) && !name.split('/').some((part) => /^\.+$/.test(part));
}

function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(join(root, name), 'utf8').replace(/\n$/, '');
  } catch {
    return undefined; // it can only be written to (route/flush), or has no value yet (stable_secret)
  }
}

function* namesBelow(directory: string): Generator<string> {
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const name = directory === '' ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory()) yield* namesBelow(name);
    else if (isWritable(name)) yield name;
  }
}

function isWritable(name: string): boolean {
  try {
    return (statSync(join(root, name)).mode & writable) !== 0;
  } catch {
    return false; // its interface has just gone
  }
}

/** ip_forward sets conf/all/forwarding, and that all interfaces'. */
function rank(name: string): number {
  if (name.includes('/all/')) return 1;
  if (name.includes('/default/')) return 2;
  return /\/(conf|neigh)\//.test(name) ? 3 : 0;
}
