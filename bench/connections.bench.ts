// The pause of a client whose connection moves along with the server's address (--move-ip), beside what `migrate` reports; and what it is
// when segments that come during the freeze are dropped instead of captured. GODWIT_MOVES: how many flights of each kind (10).
// One client is looked at: it asks as soon as it is answered, or thinks a while; the others are there, and ask once a second.
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { canMakeHosts } from '../test/helpers/can-make-hosts.ts';
import { sleep, until } from '../test/helpers/commands.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { ManyClients } from '../test/programs/many-clients.ts';

const moves = Number(process.env['GODWIT_MOVES'] ?? 10);
const port = 7400;

const blocked = await canMakeHosts();
if (blocked !== true) {
  console.log(`skipped: ${blocked}`);
  process.exit(0);
}

/** Asks again as soon as it is answered, or after a while: then it may ask in the freeze, and what it says is lost or captured. */
class Probe implements Disposable {
  longestMs = 0;
  readonly #socket;
  #asked = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(host: string, thinkMs: number) {
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.on('error', (error) => {
      throw error;
    });
    this.#socket.on('data', () => {
      this.longestMs = Math.max(this.longestMs, performance.now() - this.#asked);
      const ask = (): void => {
        this.#asked = performance.now();
        this.#socket.write('?');
      };
      if (thinkMs === 0) setImmediate(ask);
      else this.#timer = setTimeout(ask, thinkMs);
    });
    this.#socket.write('?');
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
  }
}

interface Flights {
  readonly pauses: number[];
  readonly downtimes: number[];
}

async function fly(others: number, isCapturing: boolean, thinkMs: number): Promise<Flights> {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const address = a.ip.replace(/\.\d+$/, '.100');
  await a.run('ip', ['addr', 'add', `${address}/24`, 'dev', 'eth0']);
  await Promise.all([a.receive(), b.receive()]);
  const path = fileURLToPath(new URL('../test/programs/echo-server.py', import.meta.url));
  const server = await a.spawn('python3', [path, String(port)]);
  await until('the server is ready', () => server.log().includes('ready'));
  using clients = ManyClients.echoes(address, port, others, 1000);
  using probe = new Probe(address, thinkMs);
  if (others > 0) await clients.goOn('at first');
  const flights: Flights = { pauses: [], downtimes: [] };
  for (let i = 0; i < moves; i++) {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
    await sleep(300);
    probe.longestMs = 0;
    const { code, report } = await from.migrate(server.pid, to, {
      args: ['--move-ip', address],
      env: isCapturing ? {} : { GODWIT_WITHOUT: 'segment-capture' },
    });
    if (code !== 0) throw new Error(`flight ${String(i)} ended with ${String(code)}`);
    await sleep(1500);
    flights.pauses.push(probe.longestMs);
    flights.downtimes.push(Number(report?.['downtime']));
  }
  if (clients.problems.length > 0) throw new Error(clients.problems.join(', '));
  return flights;
}

const at = (values: readonly number[], share: number): string => {
  const sorted = values.toSorted((x, y) => x - y);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1);
};
const three = (values: readonly number[]): string =>
  `p50 ${at(values, 0.5)}, p99 ${at(values, 0.99)}, max ${at(values, 1)}`;

/** Of a client that may be found thinking; about half as long as the freeze. */
const thinkMs = 25;

for (const [others, isCapturing, think] of [
  [0, true, 0],
  [0, true, thinkMs],
  [0, false, thinkMs],
  [49, true, 0],
  [199, true, 0],
] as const) {
  const { pauses, downtimes } = await fly(others, isCapturing, think);
  const more = pauses.map((pause, i) => pause - (downtimes[i] ?? 0));
  console.log(
    `${String(others + 1)} connections, asked ${think === 0 ? 'at once' : `after ${String(think)} ms`}, segments ${isCapturing ? 'captured' : 'dropped'}: ${String(pauses.length)} flights, ms`,
  );
  console.log(`  wait for an answer       ${three(pauses)}`);
  console.log(`  downtime as reported     ${three(downtimes)}`);
  console.log(`  the one over the other   ${three(more)}`);
}
