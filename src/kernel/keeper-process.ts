// Starts a keeper: the static helper that outlives this agent (native/keeper). It is our child, in a session and a cgroup
// of its own, and says through a pipe when it stands.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { GodwitError } from '../errors.ts';
import { packageRoot } from '../native.ts';
import { cgroup2Base, cgroup2Dir } from './cgroup2.ts';
import { historyPath } from './journal.ts';
import { migrationDir, runDir, stateDir, type Role } from './run-dir.ts';

export interface KeeperStart {
  readonly role: Role;
  readonly id: string;
  /** A command that settles with the peer what we leave open when we die; see native/keeper/keeper.h. */
  readonly resolver?: readonly string[];
}

export interface KeeperProcess {
  readonly pid: number;
  /** Resolves when it has ended, for whatever reason. Does not keep this process alive. */
  readonly ended: Promise<void>;
  /** Its socket tells of its death before the kernel tells its parent. */
  hasDied(): Promise<boolean>;
  /** Waits for that end and does keep this process alive meanwhile. */
  waitForEnd(): Promise<void>;
}

const readyFd = 3;
const deathNoticeMs = 500;

/** The helper of this package. @throws GodwitError UNSUPPORTED when it was not built. */
export function keeperPath(): string {
  const places = ['build/Release', 'prebuilds/linux-x64'].map((dir) =>
    join(packageRoot, dir, 'godwit-keeper'),
  );
  const path = places.find((place) => existsSync(place));
  if (path !== undefined) return path;
  throw new GodwitError('UNSUPPORTED', 'the helper godwit-keeper is missing', { hint: 'npm run build' });
}

/** @throws GodwitError KEEPER, UNSUPPORTED; nothing is left of it then. */
export async function startKeeperProcess({ role, id, resolver }: KeeperStart): Promise<KeeperProcess> {
  const base = cgroup2Base();
  const settings = {
    role,
    id,
    dir: migrationDir(id, role),
    cgroup: base,
    home: cgroup2Dir('self') ?? base,
    history: historyPath(),
    'agent-pid': process.pid,
    'ready-fd': readyFd,
  };
  makeFolders();
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  if (resolver !== undefined) args.push('--', ...resolver);
  const child = spawn(keeperPath(), args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  child.unref();
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });
  await ready(child, `the keeper of migration ${id} does not start`);
  return {
    pid: child.pid ?? 0,
    ended,
    hasDied: async () => {
      const late = sleep(deathNoticeMs, undefined, { ref: false });
      await Promise.race([ended, late]);
      return child.exitCode !== null || child.signalCode !== null;
    },
    waitForEnd: () => {
      child.ref();
      return ended;
    },
  };
}

function makeFolders(): void {
  try {
    mkdirSync(runDir(), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new GodwitError('NO_RIGHTS', `cannot make ${runDir()}: ${(cause as Error).message}`, {
      hint: 'XDG_RUNTIME_DIR or GODWIT_RUN_DIR names a directory of this user, in memory and gone with the host',
      cause,
    });
  }
  try {
    mkdirSync(stateDir(), { recursive: true, mode: 0o700 });
  } catch {
    // no history then; nothing depends on it
  }
}

/** "ok", or "error", errno and a sentence, or an end without a word. */
async function ready(child: ChildProcess, what: string): Promise<void> {
  const pipe = child.stdio[readyFd] as Readable;
  const text = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.once('error', reject);
    pipe.setEncoding('utf8');
    pipe.on('data', (part: string) => (said += part));
    pipe.once('error', reject);
    pipe.once('close', () => {
      resolve(said);
    });
  }).catch((cause: unknown) => {
    throw new GodwitError('KEEPER', what, { cause });
  });
  if (text === 'ok') return;
  const [, , sentence = 'it ended without a word'] = text.split('\t');
  throw new GodwitError('KEEPER', `${what}: ${sentence}`);
}
