// A receiver that stops reading, and a link that becomes slow while pages are under way: what the options say happens, the tree runs on or moves, and
// the report tells why.
import t, { type Test } from 'tap';
import { sleep, until, type StartedCommand } from '../helpers/commands.ts';
import { parseReport, type Host, type ReportLine } from '../helpers/host.ts';
import { unless } from '../helpers/skip-unless.ts';
import { claimContent, claimUntouched, makeBed, workersOf, type Bed } from './bed.ts';

t.setTimeout(400_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

const linesOf = ({ stdout }: StartedCommand): ReportLine[] =>
  parseReport(stdout.slice(0, stdout.lastIndexOf('\n') + 1));

/** `more` besides what makes 48 MiB take three seconds. */
async function startFlight({ a, b, counter }: Bed, more: readonly string[]): Promise<StartedCommand> {
  const args = ['--json', '--bandwidth', '16MB', '--compress', 'none', ...more];
  const flight = a.start(process.execPath, a.migrateArgs(counter.pid, b, args));
  await until('the copying to begin', () => linesOf(flight).some((line) => line['phase'] === 'pre-copy'));
  await sleep(1000);
  return flight;
}

function signalWorkers(host: Host, signal: NodeJS.Signals): number[] {
  const pids = workersOf(host);
  for (const pid of pids) process.kill(pid, signal);
  return pids;
}

async function claimError(t: Test, flight: StartedCommand, code: string, message: RegExp): Promise<void> {
  const result = await flight.ended;
  t.equal(result.code, 1);
  t.match(linesOf(flight).at(-1), { status: 'failed', 'exit-code': 1, error: { code, message } });
}

await t.test('a receiver that does not read for a while', { skip, timeout: 120_000 }, async (t) => {
  await using bed = await makeBed({ mib: 48 });
  const flight = await startFlight(bed, []);
  t.equal(signalWorkers(bed.b, 'SIGSTOP').length, 1);
  await sleep(5000);
  signalWorkers(bed.b, 'SIGCONT');
  t.equal((await flight.ended).code, 0, 'goes on where it was');
  await claimContent(t, bed);
});

await t.test('a receiver that never reads again, and a time limit', { skip, timeout: 120_000 }, async (t) => {
  await using bed = await makeBed({ mib: 48 });
  const flight = await startFlight(bed, ['--timeout', '4', '--on-timeout', 'cancel']);
  signalWorkers(bed.b, 'SIGSTOP');
  await claimError(t, flight, 'NOT_CONVERGED', /the time for copying \(4 s\) is over/);
  signalWorkers(bed.b, 'SIGCONT');
  await claimUntouched(t, bed);
  await claimContent(t, bed);
});

await t.test('a receiver that does not read for a minute', { skip, timeout: 240_000 }, async (t) => {
  await using bed = await makeBed({ mib: 48 });
  const flight = await startFlight(bed, []);
  const began = performance.now();
  signalWorkers(bed.b, 'SIGSTOP');
  await claimError(t, flight, 'PEER', /the target has been silent for 20000 ms/);
  const seconds = (performance.now() - began) / 1000;
  t.ok(seconds > 15 && seconds < 100, `given up after ${seconds.toFixed(0)} s`);
  signalWorkers(bed.b, 'SIGCONT');
  await claimUntouched(t, bed);
  await claimContent(t, bed);
});

/** Stands between the hosts: SIGUSR2 makes it carry 1 Mbit/s in each direction of each connection, SIGHUP all again. Its first line: ready. */
const relayCode = `
const net = require('net');
const [port, host, to] = process.argv.slice(1);
let slow = false;
process.on('SIGUSR2', () => { slow = true; });
process.on('SIGHUP', () => { slow = false; });
function carry(from, into) {
  from.on('data', (data) => {
    from.pause();
    const step = (at) => {
      if (at >= data.length) return from.resume();
      const end = slow ? Math.min(data.length, at + 1250) : data.length;
      into.write(data.subarray(at, end));
      if (slow) setTimeout(step, 10, end);
      else if (into.writableLength < 1 << 20) step(end);
      else into.once('drain', () => step(end));
    };
    step(0);
  });
  from.on('end', () => into.end());
  from.on('error', () => into.destroy());
  from.on('close', () => into.destroy());
}
net.createServer({ allowHalfOpen: true }, (here) => {
  const there = net.connect({ port: Number(to), host, allowHalfOpen: true });
  carry(here, there);
  carry(there, here);
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
`;

/** The bed, with a relay on a that leads to b. */
async function withRelay(bed: Bed): Promise<(slow: boolean) => void> {
  const { a, b } = bed;
  const { receiver } = b;
  if (receiver === undefined) throw new Error('b does not receive');
  const args = ['-e', relayCode, '7471', b.ip, String(receiver.port)];
  const relay = await a.spawn(process.execPath, args, { name: 'relay' });
  await until(
    () => `the relay: ${relay.errors()}`,
    () => relay.log().includes('ready'),
  );
  b.receiver = { ...receiver, address: '127.0.0.1:7471' };
  return (slow) => {
    a.kill(relay.pid, slow ? 'SIGUSR2' : 'SIGHUP');
  };
}

await t.test('a link that drops to 1 Mbit/s', { skip, timeout: 240_000 }, async (t) => {
  await using bed = await makeBed({ mib: 48 });
  const slow = await withRelay(bed);
  const claimStays = async (): Promise<void> => {
    slow(false);
    t.equal(bed.a.process(bed.counter.pid)?.state === undefined, false, 'the tree runs on');
  };

  const limited = await startFlight(bed, ['--timeout', '5', '--on-timeout', 'cancel']);
  slow(true);
  await claimError(t, limited, 'NOT_CONVERGED', /the time for copying \(5 s\) is over/);
  await claimStays();

  const cancelled = await startFlight(bed, []);
  slow(true);
  await sleep(3000);
  process.kill(await bed.a.pidOf(cancelled), 'SIGINT');
  await claimError(t, cancelled, 'CANCELLED', /SIGINT/);
  await claimStays();

  const patient = await startFlight(bed, []);
  slow(true);
  await sleep(12_000);
  t.notOk(
    linesOf(patient).some((line) => line['status'] === 'failed'),
    'slow is not dead',
  );
  slow(false);
  t.equal((await patient.ended).code, 0, 'with a link again it moves');
  await claimContent(t, bed);
});
