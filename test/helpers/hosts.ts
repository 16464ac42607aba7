// Two (or more) hosts on one machine, out of namespaces, for the time of one test: `await using hosts = await makeHosts()`.
// A supervisor outside of the test process holds them, so that nothing stays behind even when the test is SIGKILLed.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './commands.ts';
import { canMakeHosts } from './can-make-hosts.ts';
import { Host } from './host.ts';
import { lookAt } from './processes.ts';

const helpers = fileURLToPath(new URL('.', import.meta.url));

export interface HostsOptions {
  readonly count?: number;
}

/** Where cgroup v2 is mounted: alone, or beside the controllers of v1. */
export function cgroupRoot(): string {
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((line) => line.split(' ')[2] === 'cgroup2');
  if (mount === undefined) throw new Error('hosts of namespaces need cgroup v2 mounted somewhere');
  return mount.split(' ')[1] ?? '';
}

function freeSubnet(): string {
  const taken = Object.values(networkInterfaces()).flatMap((list) => list?.map((one) => one.address) ?? []);
  for (;;) {
    const subnet = `10.${randomInt(64, 250)}.${randomInt(1, 255)}`;
    if (!taken.some((address) => address.startsWith(`${subnet}.`))) return subnet;
  }
}

export class Hosts {
  readonly id: string;
  /** A directory that all hosts and the test share; it goes with the hosts. */
  readonly scratch: string;
  /** The test's own address on the network of the hosts. */
  readonly clientIp: string;
  readonly uplink: string;
  readonly cgroup: string;
  readonly all: readonly Host[];
  readonly supervisor: ChildProcess;

  constructor(
    parts: Pick<Hosts, 'id' | 'scratch' | 'clientIp' | 'uplink' | 'cgroup' | 'all' | 'supervisor'>,
  ) {
    this.id = parts.id;
    this.scratch = parts.scratch;
    this.clientIp = parts.clientIp;
    this.uplink = parts.uplink;
    this.cgroup = parts.cgroup;
    this.all = parts.all;
    this.supervisor = parts.supervisor;
  }

  /** Host 0, 1, ...; there is no need to check for undefined. */
  host(index: number): Host {
    const host = this.all[index];
    if (host === undefined) throw new Error(`there is no host ${index}`);
    return host;
  }

  get a(): Host {
    return this.host(0);
  }

  get b(): Host {
    return this.host(1);
  }

  /** What is still there of these hosts; empty after the end. */
  remains(): string[] {
    return [
      ...this.all.filter((host) => lookAt(host.initPid) !== undefined).map((host) => `init ${host.initPid}`),
      ...[this.cgroup, this.scratch, `/sys/class/net/${this.uplink}`].filter((path) => existsSync(path)),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { supervisor } = this;
    supervisor.stdin?.end();
    const ended = (): boolean => supervisor.exitCode !== null || supervisor.signalCode !== null;
    await until(
      () => `the hosts are gone: ${this.remains().join(', ')}`,
      () => ended() && this.remains().length === 0,
    );
  }
}

/** Makes hosts named a, b, ... on one network, with different PIDs and clocks. Needs root. */
export async function makeHosts(options: HostsOptions = {}): Promise<Hosts> {
  const able = await canMakeHosts();
  if (able !== true) throw new Error(able);
  const count = options.count ?? 2;
  const id = randomBytes(4).toString('hex');
  const subnet = freeSubnet();
  const scratch = mkdtempSync(join(tmpdir(), `godwit-test-${id}-`));
  const cgroup = join(cgroupRoot(), `godwit-test-${id}`);
  const uplink = `gwt${id}`;
  chmodSync(scratch, 0o1777); // workloads of other users write there too

  const args = ['--net', 'bash', join(helpers, 'supervisor.sh'), id, subnet, String(count), scratch];
  const supervisor = spawn('unshare', [...args, String(process.pid), uplink, cgroup, helpers], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true, // Ctrl-C on the test must not end it before it has cleaned up
  });
  supervisor.stdin.on('error', () => undefined);
  let said = '';
  supervisor.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const line = await until('the hosts start', () => {
    if (supervisor.exitCode !== null) throw new Error(`no hosts: ${said}`);
    return /^(ready|failed).*\n/m.exec(said)?.[0].trim();
  });
  if (line.startsWith('failed')) throw new Error(`no hosts: ${said}`);
  // A test that forgets the hosts may end; they end with it.
  supervisor.unref();
  for (const pipe of [supervisor.stdin, supervisor.stdout]) (pipe as Socket).unref();
  const inits = line.split(' ').slice(1).map(Number);
  const all = inits.map(
    (initPid, index) =>
      new Host({
        name: String.fromCharCode('a'.charCodeAt(0) + index),
        ip: `${subnet}.${index + 1}`,
        initPid,
        cgroup: join(cgroup, `h${index + 1}`),
        scratch,
      }),
  );
  return new Hosts({ id, scratch, clientIp: `${subnet}.254`, uplink, cgroup, all, supervisor });
}
