// A host of the test bed with its agents: `receive` and `migrate` run in it, as root or as a plain user.
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { mustRun, runCommand, until } from './commands.ts';
import type { CommandOptions, CommandResult } from './commands.ts';
import { godwitPath } from './godwit-path.ts';
import { NamespaceHost, type Spawned } from './namespace-host.ts';
import { bindForUser, bindings, preparePlainUser } from './plain-user.ts';
import { lookAt } from './processes.ts';

export interface Receiver {
  readonly pid: number;
  readonly port: number;
  readonly address: string;
  readonly spawned: Spawned;
  /** What tells migrate and check how to know it. */
  readonly security: readonly string[];
}

/** One JSON line of `migrate --json`; the last one of a run is the closing report. */
export type ReportLine = Record<string, unknown>;

export interface MigrateResult extends CommandResult {
  readonly lines: readonly ReportLine[];
  readonly report: ReportLine | undefined;
}

export interface MigrateOptions extends CommandOptions {
  /** Arguments besides --pid, --to, --key and --json. */
  readonly args?: readonly string[];
}

export function parseReport(stdout: string): ReportLine[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ReportLine);
}

/** Where hundreds of flights are made one after the other, half a second of each for a shorter freeze is too much. */
const quick = process.env['GODWIT_TEST_QUICK'] === '1' ? ['--rehearsals', '1'] : [];

/** Everything as it is without options, unless what is measured or looked for is something else. */
const isPlaintext = process.env['GODWIT_TEST_PLAINTEXT'] === '1';

function keyIn(log: string): string | undefined {
  return /--key (gw1_[A-Za-z0-9_-]{86})/.exec(log)?.[1];
}

export class Host extends NamespaceHost {
  receiver: Receiver | undefined;

  /** This host as a plain user has it: whatever is started through the result runs as that user (see plain-user.ts). */
  async forUser(id: number): Promise<Host> {
    const user = preparePlainUser(id, this.cgroup, join(this.scratch, `home-${id}-${this.name}`));
    await mustRun('nsenter', [...this.inside(bindForUser), ...bindings(user)]);
    const { name, ip, initPid, scratch } = this;
    return new Host({ name, ip, initPid, cgroup: user.cgroup, scratch, user });
  }

  get runsAsUser(): boolean {
    return this.user !== undefined;
  }

  /** The node that its agents run on. */
  get nodePath(): string {
    return this.user?.node ?? process.execPath;
  }

  get #godwit(): string {
    return this.user?.godwit ?? godwitPath;
  }

  /** Starts `godwit receive` and waits until it listens. */
  async receive(
    options: {
      port?: number;
      args?: readonly string[];
      /** Default: GODWIT_TEST_PLAINTEXT. */
      plaintext?: boolean;
      /** What sources say in the place of --key; then `args` have receive's half. */
      security?: readonly string[];
      env?: Readonly<Record<string, string>>;
      /** A command that executes receive. */
      prefix?: readonly string[];
      /** Of a shell: "3>>/var/log/program". */
      redirect?: string;
    } = {},
  ): Promise<Receiver> {
    const port = options.port ?? 7470;
    const plaintext = options.plaintext ?? isPlaintext;
    const args = [
      this.#godwit,
      'receive',
      '--listen',
      `${this.ip}:${port}`,
      ...(plaintext ? ['--plaintext'] : options.security === undefined ? ['--key-uses', '1000000'] : []),
      ...(this.runsAsUser || options.args?.includes('--allow-user') === true ? [] : ['--allow-root']),
      ...(options.args ?? []),
    ];
    const shell =
      options.redirect === undefined ? [] : ['bash', '-c', `exec "$@" ${options.redirect}`, 'receive'];
    const [command = '', ...words] = [...shell, ...(options.prefix ?? []), this.nodePath, ...args];
    const spawned = await this.spawn(command, words, { name: 'receive', env: { ...options.env } });
    await until(
      () => `receive listens on ${this.ip}:${port}\n${spawned.log()}${spawned.errors()}`,
      async () => {
        if (this.process(spawned.pid) === undefined)
          throw new Error(`receive ended:\n${spawned.log()}${spawned.errors()}`);
        const isTold = plaintext || options.security !== undefined || keyIn(spawned.log()) !== undefined;
        return isTold && (await canConnect(this.ip, port));
      },
    );
    const security =
      options.security ?? (plaintext ? ['--plaintext'] : ['--key', keyIn(spawned.log()) ?? '']);
    this.receiver = { pid: spawned.pid, port, address: `${this.ip}:${port}`, spawned, security };
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
      ...to.receiver.security,
      ...quick,
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
      `ls -A ${this.user === undefined ? '/run' : this.user.home}/godwit; nft list tables 2>/dev/null; tail -qn +2 /proc/sysvipc/*; ` +
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
}

async function canConnect(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const say = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, say(false)).once('connect', say(true)).once('error', say(false));
  });
}
