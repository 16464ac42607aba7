// Records what the network sees of one migration with --move-ip, for docs/network.md: a client that sends 6 bytes every 15 ms, echoed by
// the tree. `npm run capture`; takes tcpdump(8).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { sleep, until } from '../test/helpers/commands.ts';
import { makeHosts } from '../test/helpers/hosts.ts';

const port = 7500;
const before = 3;
const after = 26;

await using hosts = await makeHosts();
const { a, b, uplink } = hosts;
const address = a.ip.replace(/\.\d+$/, '.100');
await a.run('ip', ['addr', 'add', `${address}/24`, 'dev', 'eth0']);
await Promise.all([a.receive(), b.receive()]);
const path = fileURLToPath(new URL('../test/programs/echo-server.py', import.meta.url));
const server = await a.spawn('python3', [path, String(port)]);
await until('the server is ready', () => server.log().includes('ready'));
const filter = `host ${address} and (tcp or arp)`;
const tcpdump = spawn('tcpdump', ['-i', uplink, '-n', '-e', '-l', '-ttttt', filter]);
tcpdump.on('error', (error) => {
  throw new Error(`tcpdump is needed: ${error.message}`);
});
let seen = '';
let said = '';
tcpdump.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
tcpdump.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
await until(
  () => `tcpdump listens: ${said}`,
  () => said.includes('listening on'),
);
const client = connect({ host: address, port, noDelay: true });
await once(client, 'connect');
const talk = setInterval(() => client.write('hello\n'), 15);
client.resume();
await sleep(500);
const result = await a.migrate(server.pid, b, { args: ['--move-ip', address] });
await sleep(500);
clearInterval(talk);
client.destroy();
await sleep(200);
tcpdump.kill();
await once(tcpdump, 'close');

const names = new Map([
  [address, 'tree'],
  [hosts.clientIp, 'client'],
]);
const macs = new Map<string, string>();
const parsed = seen
  .trimEnd()
  .split('\n')
  .flatMap((line) => {
    const found = /^ *(\S+ )?(\S+) (\S+) > (\S+), ethertype [^:]*: (.*)$/.exec(line);
    const [, , at = '', from = '', to = '', text = ''] = found ?? [];
    if (text === '') return [];
    const [, minutes = '0', seconds = '0'] = /:(\d+):([\d.]+)$/.exec(at) ?? [];
    return { ms: (Number(minutes) * 60 + Number(seconds)) * 1000, from, to, text };
  });
/** Hosts by their Ethernet addresses, as they speak for the tree: a, then b. */
const speakers = [
  ...new Set(parsed.filter(({ text }) => text.includes(`${address}.${port} >`)).map(({ from }) => from)),
];
for (const [index, mac] of speakers.entries()) macs.set(mac, `host ${'ab'[index] ?? '?'}`);
const nameOf = (mac: string): string => (mac.startsWith('ff:ff') ? 'all' : (macs.get(mac) ?? 'client'));
const hand = parsed.findIndex(({ from }) => macs.get(from) === 'host b');
const last = parsed.findLastIndex(({ from }, index) => index < hand && macs.get(from) === 'host a');
const zero = parsed[last]?.ms ?? 0;
console.log(`exit ${result.code}, downtime ${String(result.report?.['downtime'])} ms`);
for (const { ms, from, to, text } of parsed.slice(Math.max(0, last - before), hand + after)) {
  let plain = text.replace(/, (options \[.*?\]|win \d+|length 28)/g, '');
  for (const [ip, name] of names) plain = plain.replaceAll(`${ip}.`, `${name}.`).replaceAll(ip, name);
  console.log(`${(ms - zero).toFixed(1).padStart(7)}  ${nameOf(from)} > ${nameOf(to)}  ${plain}`);
}
