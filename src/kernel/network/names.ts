// Names of network namespaces, as ip-netns(8) gives them: a mount of each in /run/netns, which keeps it.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const directory = '/run/netns';

/** undefined: it has none. */
export function nameOfNetwork(pid: number): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/ns/net`);
    return readdirSync(directory).find((name) => {
      const found = statSync(join(directory, name));
      return found.dev === dev && found.ino === ino;
    });
  } catch {
    return undefined; // nobody has named any here
  }
}

/** Why it has no name now; undefined: it has. */
export function nameNetwork(name: string, pid: number): string | undefined {
  return ip(['netns', 'attach', name, String(pid)]);
}

/** Preconditions: nobody lives there any more. */
export function forgetNetwork(name: string): string | undefined {
  return ip(['netns', 'delete', name]);
}

function ip(args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (error !== undefined) return `ip(8) cannot be run: ${error.message}`;
  return status === 0 ? undefined : stderr.trim().slice(0, 300);
}
