// One host of the test bed: a set of namespaces held by its init. What runs in it shares the root filesystem with the test,
// not the PIDs, clocks, network, names or /run/godwit.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { mustRun, runCommand, StartedCommand, until } from './commands.ts';
import type { CommandOptions, CommandResult } from './commands.ts';
import { godwitPath } from './godwit-path.ts';
import {
  bindForUser,
  bindings,
  environmentOf,
  giveTo,
  preparePlainUser,
  setprivOf,
  type PlainUser,
} from './plain-user.ts';
import { lookAt, outsidePidOf, processesBelow } from './processes.ts';
import type { SeenProcess } from './processes.ts';

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Names the log files; the command's own name unless given. */
  readonly name?: string;
  /** Runs it as this user (a number or a name), with that user's groups. */
  readonly user?: string;
}

/** A process started by `spawn`: a child of the host's init, in a session of its own, without a terminal. */
export interface Spawned {
  /** PID inside the host. */
  readonly pid: number;
  readonly logPath: string;
  readonly errorPath: string;
  log(): string;
  errors(): string;
}

export interface Receiver {
  readonly pid: number;
  readonly port: number;
  readonly address: string;
  readonly spawned: Spawned;
}

/** One JSON line of `migrate --json`; the last one of a run is the closing report. */
export type ReportLine = Record<string, unknown>;

export interface MigrateResult extends CommandResult {
  readonly lines: readonly ReportLine[];
  readonly report: ReportLine | undefined;
}

export interface MigrateOptions extends CommandOptions {
  /** Arguments besides --pid, --to, --plaintext and --json. */
  readonly args?: readonly string[];
}

export function parseReport(stdout: string): ReportLine[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ReportLine);
}

// Descriptors that whoever started the test left open would tie the workload to processes outside of it.
const closeInherited =
  'for fd in /proc/self/fd/*; do fd=${fd##*/}; [ $fd -gt 2 ] && eval "exec $fd>&-"; done; ';
const enter = closeInherited + 'echo 0 >"$TEST_CGROUP/cgroup.procs" && exec "$@"';
const launch =
  closeInherited +
  'echo 0 >"$TEST_CGROUP/cgroup.procs" && cd "$TEST_CWD" && ' +
  '{ env --default-signal setsid "$@" </dev/null >"$TEST_OUT" 2>"$TEST_ERR" & echo $!; }';
let serial = 0;

interface HostParts {
  readonly name: string;
  readonly ip: string;
  readonly initPid: number;
  readonly cgroup: string;
  readonly scratch: string;
  readonly user?: PlainUser;
}

export class Host {
  readonly name: string;
  readonly ip: string;
  readonly initPid: number;
  readonly cgroup: string;
  readonly scratch: string;
  receiver: Receiver | undefined;
  /** Set: what runs here, agents too, runs as this user (see forUser). */
  readonly #user: PlainUser | undefined;

  constructor(where: HostParts) {
    this.name = where.name;
    this.ip = where.ip;
    this.initPid = where.initPid;
    this.cgroup = where.cgroup;
    this.scratch = where.scratch;
    this.#user = where.user;
  }

  /** This host as a plain user has it: whatever is started through the result runs as that user (see plain-user.ts). */
  async forUser(id: number): Promise<Host> {
    const user = preparePlainUser(id, this.cgroup, join(this.scratch, `home-${id}-${this.name}`));
    await mustRun('nsenter', [...this.inside(bindForUser), ...bindings(user)]);
    const { name, ip, initPid, scratch } = this;
    return new Host({ name, ip, initPid, cgroup: user.cgroup, scratch, user });
  }

  get runsAsUser(): boolean {
    return this.#user !== undefined;
  }

  /** The words before a command that put it into this host. */
  private inside(script: string): string[] {
    // Whose standard input is a socket, as Node makes them, takes itself for a remote shell and reads ~/.bashrc.
    const shell = ['bash', '--norc', '-c', script, 'bash'];
    return ['-t', String(this.initPid), '-m', '-u', '-i', '-n', '-p', '-T', ...shell];
  }

  private env(more: Readonly<Record<string, string>> | undefined): Record<string, string> {
    const places = this.#user === undefined ? { GODWIT_CGROUP: this.cgroup } : environmentOf(this.#user);
    return { TEST_CGROUP: this.cgroup, ...places, ...more };
  }

  /** The words before a command that make it this user's. */
  #as(user: string | number | undefined): string[] {
    if (user !== undefined) return ['setpriv', `--reuid=${user}`, '--init-groups', `--regid=${user}`];
    return this.#user === undefined ? [] : setprivOf(this.#user);
  }

  /** Starts a command whose output the test collects; `child` is the nsenter in front of it, `pidOf` finds the command. */
  start(command: string, args: readonly string[], options: CommandOptions = {}): StartedCommand {
    return new StartedCommand('nsenter', [...this.inside(enter), ...this.#as(undefined), command, ...args], {
      ...options,
      env: this.env(options.env),
    });
  }

  /** The PID outside of the command behind a `start`, once it is there. */
  async pidOf(started: StartedCommand): Promise<number> {
    const front = started.child.pid ?? -1;
    return until('the command behind nsenter', () => {
      const children = `/proc/${front}/task/${front}/children`;
      const child = existsSync(children) ? Number(readFileSync(children, 'utf8').trim().split(' ')[0]) : 0;
      return child > 0 && child;
    });
  }

  async run(
    command: string,
    args: readonly string[] = [],
    options: CommandOptions = {},
  ): Promise<CommandResult> {
    return this.start(command, args, options).ended;
  }

  /** Starts a long-running program and comes back at once. */
  async spawn(command: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Spawned> {
    const name = `${options.name ?? command.split('/').at(-1) ?? 'program'}-${this.name}-${(serial += 1)}`;
    const logPath = join(this.scratch, `${name}.log`);
    const errorPath = join(this.scratch, `${name}.err`);
    const words = [...this.#as(options.user), command, ...args];
    if (this.#user !== undefined) giveTo(this.#user, [logPath, errorPath]);
    const out = await mustRun('nsenter', [...this.inside(launch), ...words], {
      env: this.env({
        ...options.env,
        TEST_CWD: options.cwd ?? this.scratch,
        TEST_OUT: logPath,
        TEST_ERR: errorPath,
      }),
    });
    const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
    return {
      pid: Number(out.trim()),
      logPath,
      errorPath,
      log: () => read(logPath),
      errors: () => read(errorPath),
    };
  }

  /** What runs in this host besides its init; undefined when there is no such PID. */
  process(pid: number): SeenProcess | undefined {
    const outside = outsidePidOf(this.initPid, pid);
    return outside === undefined ? undefined : lookAt(outside);
  }

  processes(): SeenProcess[] {
    return processesBelow(this.initPid);
  }

  /** The PID on this host of a process that has the PID `pid` in a namespace of its own, and this name in its command line. */
  nestedPid(pid: number, name: string): number | undefined {
    const depth = lookAt(this.initPid)?.nsPids.length ?? 0;
    return this.processes().find(
      ({ nsPids, command }) => nsPids.length > depth && nsPids.at(-1) === pid && command.includes(name),
    )?.nsPids[depth - 1];
  }

  outsidePid(pid: number): number {
    const outside = outsidePidOf(this.initPid, pid);
    if (outside === undefined) throw new Error(`no process ${pid} in ${this.name}`);
    return outside;
  }

  /** Sends a signal to a PID of this host; false when it is not there. */
  kill(pid: number, signal: NodeJS.Signals | 0 = 'SIGKILL'): boolean {
    const outside = outsidePidOf(this.initPid, pid);
    if (outside === undefined) return false;
    try {
      return process.kill(outside, signal);
    } catch {
      return false;
    }
  }

  async waitGone(pid: number, timeoutMs = 20_000): Promise<void> {
    await until(`process ${pid} of ${this.name} ends`, () => this.process(pid) === undefined, timeoutMs);
  }

  /** The node that its agents run on. */
  get nodePath(): string {
    return this.#user?.node ?? process.execPath;
  }

  get #godwit(): string {
    return this.#user?.godwit ?? godwitPath;
  }

  /** Starts `godwit receive` and waits until it listens. */
  async receive(
    options: { port?: number; args?: readonly string[]; env?: Readonly<Record<string, string>> } = {},
  ): Promise<Receiver> {
    const port = options.port ?? 7470;
    const args = [
      this.#godwit,
      'receive',
      '--listen',
      `${this.ip}:${port}`,
      '--plaintext',
      ...(options.args ?? []),
    ];
    const spawned = await this.spawn(this.nodePath, args, { name: 'receive', env: { ...options.env } });
    await until(
      () => `receive listens on ${this.ip}:${port}\n${spawned.log()}${spawned.errors()}`,
      async () => {
        if (this.process(spawned.pid) === undefined)
          throw new Error(`receive ended:\n${spawned.log()}${spawned.errors()}`);
        return canConnect(this.ip, port);
      },
    );
    this.receiver = { pid: spawned.pid, port, address: `${this.ip}:${port}`, spawned };
    return this.receiver;
  }

  /** The words of a `godwit migrate --json` of a process of this host to another. */
  migrateArgs(pid: number, to: Host, args: readonly string[] = []): string[] {
    if (to.receiver === undefined) throw new Error(`${to.name} does not receive`);
    return [
      this.#godwit,
      'migrate',
      '--pid',
      String(pid),
      '--to',
      to.receiver.address,
      '--plaintext',
      ...args,
    ];
  }

  /** Any of its commands. */
  async godwit(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.run(this.nodePath, [this.#godwit, ...args], options);
  }

  async migrate(pid: number, to: Host, options: MigrateOptions = {}): Promise<MigrateResult> {
    const args = this.migrateArgs(pid, to, ['--json', ...(options.args ?? [])]);
    const result = await this.run(this.nodePath, args, options);
    const lines = parseReport(result.stdout);
    return { ...result, lines, report: lines.at(-1) };
  }

  /**
   * What a migration may have left behind: journals, fences, packet filters, System V objects, names of message queues, processes (but
   * those in `expected` and the receiver). An empty list is what a test wants to see.
   */
  async leftovers(expected: readonly number[] = []): Promise<string[]> {
    const depth = lookAt(this.initPid)?.nsPids.length ?? 0;
    const known = new Set([...expected, this.receiver?.pid]);
    const strangers = this.processes()
      .filter((seen) => !known.has(seen.nsPids[depth - 1]))
      .map((seen) => `process ${seen.outsidePid} ${seen.state} ${seen.command}`);
    const fences = readdirSync(this.cgroup, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `cgroup ${entry.name}`);
    const look =
      `ls -A ${this.#user === undefined ? '/run' : this.#user.home}/godwit; nft list tables 2>/dev/null; tail -qn +2 /proc/sysvipc/*; ` +
      "unshare -m sh -c 'mount -t mqueue none /mnt && ls -A /mnt'";
    const found = await runCommand('nsenter', this.inside(look));
    return [...strangers, ...fences, ...found.stdout.split('\n').filter((line) => line !== '')];
  }

  /** As leftovers, without what goes away by itself within 5 s: who has ended is seen while the kernel takes it apart. */
  async lastingLeftovers(expected: readonly number[] = []): Promise<string[]> {
    let left: string[] = [];
    const look = async (): Promise<boolean> => (left = await this.leftovers(expected)).length === 0;
    await until('a clean host', look, 5000, 100).catch(() => false);
    return left;
  }

  /** Makes the next process of this host get this PID, if it is free. */
  async nextPid(pid: number): Promise<void> {
    await mustRun('nsenter', [
      ...this.inside(enter),
      'sh',
      '-c',
      `echo ${pid - 1} >/proc/sys/kernel/ns_last_pid`,
    ]);
  }
}

export async function canConnect(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const say = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, say(false)).once('connect', say(true)).once('error', say(false));
  });
}

/** True when this process may make hosts at all. */
export async function canMakeHosts(): Promise<string | true> {
  if (process.getuid?.() !== 0) return 'hosts of namespaces need root';
  for (const tool of ['unshare', 'nsenter', 'setpriv', 'ip', 'pgrep']) {
    if ((await runCommand('sh', ['-c', `command -v ${tool}`])).code !== 0)
      return `hosts of namespaces need ${tool}`;
  }
  return true;
}
