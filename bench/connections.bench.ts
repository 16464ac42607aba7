// The pause of a client whose connection moves along with the server's address (--move-ip), beside what `migrate` reports; and what it is
// when segments that come during the freeze are dropped instead of captured. GODWIT_MOVES: how many flights of each kind (10).
// One client is looked at: it asks as soon as it is answered, or thinks a while. The others ask once a second; or they are there and ask
// nothing until the flights are over, so that the one's wait has none of the server's own work for them in it.
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { sleep, until } from '../test/helpers/commands.ts';
import { makeHosts } from '../test/helpers/hosts.ts';
import { ManyClients } from '../test/programs/many-clients.ts';
import { needHosts } from './lib/hosts.ts';
import { reportFlight } from './lib/report.ts';
import { isQuick, sizeOf } from './lib/sizes.ts';
import { quantile } from './lib/statistics.ts';

const moves = sizeOf('GODWIT_MOVES', 10, 2);
const port = 7400;

await needHosts();

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

interface Kind {
  readonly others: number;
  readonly isCapturing: boolean;
  /** How long the one client thinks before it asks, milliseconds. */
  readonly thinkMs: number;
  /** How long each other client thinks; none asks again in the flights if they are shorter than that. */
  readonly othersMs: number;
}

interface Flights {
  readonly pauses: number[];
  readonly downtimes: number[];
}

async function fly({ others, isCapturing, thinkMs, othersMs }: Kind): Promise<Flights> {
  await using hosts = await makeHosts();
  const { a, b } = hosts;
  const address = a.ip.replace(/\.\d+$/, '.100');
  await a.run('ip', ['addr', 'add', `${address}/24`, 'dev', 'eth0']);
  await Promise.all([a.receive(), b.receive()]);
  const path = fileURLToPath(new URL('../test/programs/echo-server.py', import.meta.url));
  const server = await a.spawn('python3', [path, String(port)]);
  await until('the server is ready', () => server.log().includes('ready'));
  using clients = ManyClients.echoes(address, port, others, othersMs);
  using probe = new Probe(address, thinkMs);
  await clients.first();
  const flights: Flights = { pauses: [], downtimes: [] };
  for (let i = 0; i < moves; i++) {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
    await sleep(300);
    probe.longestMs = 0;
    const { code, report } = await from.migrate(server.pid, to, {
      args: ['--move-ip', address],
      env: isCapturing ? {} : { GODWIT_WITHOUT: 'segment-capture' },
    });
    if (code !== 0 || report === undefined) throw new Error(`flight ${String(i)} ended with ${String(code)}`);
    reportFlight(`a server with ${others + 1} connections`, report);
    await sleep(1500);
    flights.pauses.push(probe.longestMs);
    flights.downtimes.push(Number(report['downtime']));
  }
  if (clients.problems.length > 0) throw new Error(clients.problems.join(', '));
  return flights;
}

const at = (values: readonly number[], share: number): string => quantile(values, share).toFixed(1);
const three = (values: readonly number[]): string =>
  `p50 ${at(values, 0.5)}, p99 ${at(values, 0.99)}, max ${at(values, 1)}`;

/** Of a client that may be found thinking; about half as long as the freeze. */
const thinkMs = 25;

const often = 1000;
const never = 3_600_000;
const kinds: readonly Kind[] = [
  { others: 0, isCapturing: true, thinkMs: 0, othersMs: never },
  { others: 0, isCapturing: true, thinkMs, othersMs: never },
  { others: 0, isCapturing: false, thinkMs, othersMs: never },
  { others: 49, isCapturing: true, thinkMs: 0, othersMs: never },
  { others: 199, isCapturing: true, thinkMs: 0, othersMs: never },
  { others: 49, isCapturing: true, thinkMs: 0, othersMs: often },
  { others: 199, isCapturing: true, thinkMs: 0, othersMs: often },
];
const chosen = (process.env['GODWIT_KINDS'] ?? (isQuick ? '0,3' : undefined))?.split(',').map(Number);
for (const [i, kind] of kinds.entries()) {
  if (chosen !== undefined && !chosen.includes(i)) continue;
  const { others, isCapturing, thinkMs, othersMs } = kind;
  const { pauses, downtimes } = await fly(kind);
  const more = pauses.map((pause, i) => pause - (downtimes[i] ?? 0));
  console.log(
    `${String(others + 1)} connections, asked ${thinkMs === 0 ? 'at once' : `after ${String(thinkMs)} ms`}, ${others === 0 ? '' : othersMs === never ? 'the others idle, ' : 'the others once a second, '}segments ${isCapturing ? 'captured' : 'dropped'}: ${String(pauses.length)} flights, ms`,
  );
  console.log(`  wait for an answer       ${three(pauses)}`);
  console.log(`  downtime as reported     ${three(downtimes)}`);
  console.log(`  the one over the other   ${three(more)}`);
}
