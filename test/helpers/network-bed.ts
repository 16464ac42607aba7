// Hosts with a bridge, and a server on the first that lives in a network namespace of its own, as containers do: its veth hangs on the bridge.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, runCommand, until } from './commands.ts';
import type { Host } from './host.ts';
import type { Hosts } from './hosts.ts';
import { server } from './moving-bed.ts';
import type { Spawned } from './namespace-host.ts';

export interface NetworkBed {
  readonly a: Host;
  readonly b: Host;
  readonly tree: Spawned;
  /** Addresses of the tree, reached from where the test runs. */
  readonly addresses: readonly string[];
  /** Runs a command in the network of the tree, wherever that is. */
  readonly inTree: (host: Host, command: string, ...args: string[]) => Promise<string>;
}

/** Puts a host's own address on a bridge that holds its link. */
export async function makeBridge(host: Host, name: string): Promise<void> {
  const script = `
    set -e
    ip link add ${name} type bridge
    ip link set ${name} address $(ip -o link show eth0 | sed 's/.*ether \\([^ ]*\\).*/\\1/') up
    ip addr flush dev eth0
    ip link set eth0 master ${name}
    ip addr add ${host.ip}/24 dev ${name}
  `;
  const made = await host.run('sh', ['-c', script]);
  if (made.code !== 0) throw new Error(`no bridge on ${host.name}: ${made.stderr}`);
}

export async function inNetworkOf(
  host: Host,
  pid: number,
  command: string,
  ...args: string[]
): Promise<string> {
  return mustRun('nsenter', ['-t', String(host.outsidePid(pid)), '-n', command, ...args]);
}

/** A server in a network of its own, which waits for `setUp`. */
async function startServer(
  a: Host,
): Promise<{ readonly tree: Spawned; readonly begin: () => Promise<void> }> {
  const path = join(a.scratch, 'server.py');
  writeFileSync(path, server);
  const ready = join(a.scratch, 'network-is-ready');
  const wait = `while [ ! -e ${ready} ]; do sleep 0.02; done; exec python3 ${path}`;
  const tree = await a.spawn('unshare', ['--net', 'sh', '-c', wait], { name: 'server' });
  const { pid } = tree;
  const begin = async (): Promise<void> => {
    writeFileSync(ready, '');
    await until('the server is ready', () => tree.log().includes('ready'));
  };
  await until('it has a network of its own', async () => {
    const links = await a.run('readlink', [`/proc/${pid}/ns/net`, '/proc/self/ns/net']);
    return new Set(links.stdout.trim().split('\n')).size === 2;
  });
  return { tree, begin };
}

/** `script`: what else is set up in the network of the tree, by a shell. */
export async function makeNetworkBed(hosts: Hosts, script = ''): Promise<NetworkBed> {
  const { a, b } = hosts;
  const subnet = a.ip.replace(/\.\d+$/, '');
  const addresses = [`${subnet}.100`];
  const six = `fd7f:${hosts.id.slice(0, 4)}:${hosts.id.slice(4)}:`;
  for (const host of [a, b]) await makeBridge(host, 'br0');
  await Promise.all([a.receive(), b.receive()]);
  const { tree, begin } = await startServer(a);
  const { pid } = tree;
  const link = ['link', 'add', 'outer0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)];
  for (const args of [link, ['link', 'set', 'outer0', 'master', 'br0', 'up']]) {
    const done = await a.run('ip', args);
    if (done.code !== 0) throw new Error(`ip ${args.join(' ')}: ${done.stderr}`);
  }
  const own = await runCommand('ip', ['-6', 'addr', 'add', `${six}:fe/64`, 'dev', hosts.uplink, 'nodad']);
  if (own.code === 0) addresses.push(`${six}:64`);
  const setUp = `
    set -e
    ip link set lo up
    ip addr add ${subnet}.100/24 dev eth0
    ${own.code === 0 ? `ip -6 addr add ${six}:64/64 dev eth0 nodad` : ''}
    ip link set eth0 mtu 1450 up
    ip route add default via ${subnet}.254
    ${script}
  `;
  await inNetworkOf(a, pid, 'sh', '-c', setUp);
  await begin();
  return {
    a,
    b,
    tree,
    addresses,
    inTree: async (host, command, ...args) => inNetworkOf(host, pid, command, ...args),
  };
}

/** Without a bridge: the host routes between its own network and the tree's. The test has to route to the host that has it. */
export async function makeRoutedBed(hosts: Hosts): Promise<Omit<NetworkBed, 'inTree'>> {
  const { a, b } = hosts;
  const net = a.ip.replace(/^10\.(\d+)\.(\d+)\.\d+$/, '10.251.$2');
  await Promise.all([a.receive(), b.receive()]);
  const { tree, begin } = await startServer(a);
  const script = `
    set -e
    ip link add outer0 type veth peer name eth0 netns ${tree.pid}
    ip addr add ${net}.1/30 dev outer0
    ip link set outer0 up
    ip route add ${net}.96/28 via ${net}.2 dev outer0
  `;
  const made = await a.run('sh', ['-c', script]);
  if (made.code !== 0) throw new Error(`no link: ${made.stderr}`);
  for (const host of [a, b]) await host.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  await inNetworkOf(
    a,
    tree.pid,
    'sh',
    '-c',
    `ip link set lo up; ip addr add ${net}.2/30 dev eth0; ip addr add ${net}.100/32 dev lo; ip link set eth0 up; ip route add default via ${net}.1`,
  );
  await begin();
  return { a, b, tree, addresses: [`${net}.2`, `${net}.100`] };
}
