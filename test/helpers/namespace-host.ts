// One host of the test bed: a set of namespaces held by its init. What runs in it shares the root filesystem with the test,
// not the PIDs, clocks, network, names or /run/godwit.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, StartedCommand, until } from './commands.ts';
import type { CommandOptions, CommandResult } from './commands.ts';
import { environmentOf, giveTo, setprivOf, type PlainUser } from './plain-user.ts';
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

// Descriptors that whoever started the test left open would tie the workload to processes outside of it.
const closeInherited =
  'for fd in /proc/self/fd/*; do fd=${fd##*/}; [ $fd -gt 2 ] && eval "exec $fd>&-"; done; ';
const enter = closeInherited + 'echo 0 >"$TEST_CGROUP/cgroup.procs" && exec "$@"';
const launch =
  closeInherited +
  'echo 0 >"$TEST_CGROUP/cgroup.procs" && cd "$TEST_CWD" && ' +
  '{ env --default-signal setsid "$@" </dev/null >"$TEST_OUT" 2>"$TEST_ERR" & echo $!; }';
let serial = 0;

export interface HostParts {
  readonly name: string;
  readonly ip: string;
  readonly initPid: number;
  readonly cgroup: string;
  readonly scratch: string;
  readonly user?: PlainUser;
}

export class NamespaceHost {
  readonly name: string;
  readonly ip: string;
  readonly initPid: number;
  readonly cgroup: string;
  readonly scratch: string;
  /** Set: what runs here, agents too, runs as this user (see forUser). */
  protected readonly user: PlainUser | undefined;

  constructor(where: HostParts) {
    this.name = where.name;
    this.ip = where.ip;
    this.initPid = where.initPid;
    this.cgroup = where.cgroup;
    this.scratch = where.scratch;
    this.user = where.user;
  }

  /** The words before a command that put it into this host. */
  protected inside(script: string): string[] {
    // Whose standard input is a socket, as Node makes them, takes itself for a remote shell and reads ~/.bashrc.
    const shell = ['bash', '--norc', '-c', script, 'bash'];
    return ['-t', String(this.initPid), '-m', '-u', '-i', '-n', '-p', '-T', ...shell];
  }

  private env(more: Readonly<Record<string, string>> | undefined): Record<string, string> {
    const places = this.user === undefined ? { GODWIT_CGROUP: this.cgroup } : environmentOf(this.user);
    return { TEST_CGROUP: this.cgroup, ...places, ...more };
  }

  /** The words before a command that make it this user's. */
  #as(user: string | number | undefined): string[] {
    if (user !== undefined) return ['setpriv', `--reuid=${user}`, '--init-groups', `--regid=${user}`];
    return this.user === undefined ? [] : setprivOf(this.user);
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
    if (this.user !== undefined) giveTo(this.user, [logPath, errorPath]);
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
