// Builds the self-checking C programs of test/workloads and runs them by their protocol: "ready", work until SIGUSR1, then the
// verdict of the program itself.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun, until } from './commands.ts';
import type { Host } from './host.ts';
import type { SpawnOptions, Spawned } from './namespace-host.ts';
import { readHead, type WorkloadHead } from './workload-head.ts';

const sources = fileURLToPath(new URL('../workloads', import.meta.url));
const binaries = join(sources, 'bin');

/** All there are. */
export const workloadNames: readonly string[] = readdirSync(sources)
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2))
  .sort();

/** What a workload gets on its command line, given an empty directory of its own. */
export function workloadArgs(name: string, directory: string): string[] {
  if (name === 'counter') return [join(directory, 'heartbeat')];
  const head = workloadHead(name);
  return [...(head.wantsDirectory ? [directory] : []), ...head.args];
}

/** What the head of its source declares. */
export function workloadHead(name: string): WorkloadHead {
  return readHead(name, readFileSync(join(sources, `${name}.c`), 'utf8'));
}

const mtimeOf = (path: string): number => statSync(path).mtimeMs;

/** Compiles a workload unless its binary is newer than its source; safe to do from several tests at once. */
export async function buildWorkload(name: string): Promise<string> {
  const source = join(sources, `${name}.c`);
  const headers = readdirSync(sources).filter((file) => file.endsWith('.h'));
  const binary = join(binaries, name);
  const changed = Math.max(...[source, ...headers.map((file) => join(sources, file))].map(mtimeOf));
  if (existsSync(binary) && statSync(binary).mtimeMs > changed) return binary;
  mkdirSync(binaries, { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  const flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];
  await mustRun('cc', [...flags, '-o', fresh, source, '-lm']);
  renameSync(fresh, binary);
  return binary;
}

export interface RunningWorkload extends Spawned {
  readonly name: string;
  /** The workload's own directory, shared by all hosts. */
  readonly directory: string;
}

/** Starts a workload in a host and waits until it says that it is ready. */
export async function startWorkload(
  host: Host,
  name: string,
  args?: readonly string[] | ((directory: string) => string[]),
  options: Omit<SpawnOptions, 'name'> = {},
): Promise<RunningWorkload> {
  const built = await buildWorkload(name);
  const directory = mkdtempSync(join(host.scratch, `${name}-`));
  let binary = built;
  if (options.user !== undefined || host.runsAsUser) {
    chmodSync(directory, 0o777);
    binary = `${directory}.program`; // another user need not be able to look into this repository
    copyFileSync(built, binary);
  }
  const given = typeof args === 'function' ? args(directory) : (args ?? workloadArgs(name, directory));
  const spawned = await host.spawn(binary, given, { ...options, name });
  await until(
    () => `${name} is ready; it said: ${spawned.log()}${spawned.errors()}`,
    () => {
      if (spawned.log().includes('ready\n')) return true;
      if (host.process(spawned.pid) === undefined)
        throw new Error(`${name} ended: ${spawned.log()}${spawned.errors()}`);
      return false;
    },
    60_000,
    50,
  );
  return { ...spawned, name, directory };
}

/**
 * Ends a workload on the host where it is now, and gives back what it said: "ok", or the claims that did not hold. The exit
 * code belongs to the process's parent (the keeper, after a migration), so the words decide.
 */
export async function verdictOf(host: Host, workload: RunningWorkload, timeoutMs = 60_000): Promise<string> {
  if (!host.kill(workload.pid, 'SIGUSR1'))
    return `${workload.name} does not run on ${host.name}: ${workload.log()}`;
  await host.waitGone(workload.pid, timeoutMs);
  const said = workload
    .log()
    .replace('ready\n', '')
    .replaceAll(/^claim \S+ ok\n/gm, '')
    .trim();
  return said === '' ? `${workload.name} ended without a word` : said;
}
