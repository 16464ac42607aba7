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
  const flight = await startFlight(bed, ['--reconnect', '10']);
  const began = performance.now();
  signalWorkers(bed.b, 'SIGSTOP');
  await claimError(t, flight, 'PEER', /the target has been silent for 20000 ms/);
  const seconds = (performance.now() - began) / 1000;
  t.ok(seconds > 15 && seconds < 100, `given up after ${seconds.toFixed(0)} s`);
  signalWorkers(bed.b, 'SIGCONT');
  await claimUntouched(t, bed);
  await claimContent(t, bed);
});

/**
 * Stands between the hosts: SIGUSR2 makes it carry 1 Mbit/s in each direction of each connection, SIGHUP all again; SIGWINCH resets all connections,
 * and for a second nothing comes through. Its first line: ready.
 */
const relayCode = `
const net = require('net');
const [port, host, to] = process.argv.slice(1);
let slow = false;
process.on('SIGUSR2', () => { slow = true; });
process.on('SIGHUP', () => { slow = false; });
const all = new Set();
let closedUntil = 0;
process.on('SIGWINCH', () => {
  closedUntil = Date.now() + 1000;
  for (const socket of all) socket.resetAndDestroy();
});
function carry(from, into) {
  all.add(from);
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
  from.on('close', () => { all.delete(from); into.destroy(); });
}
net.createServer({ allowHalfOpen: true }, (here) => {
  if (Date.now() < closedUntil) return here.resetAndDestroy();
  const there = net.connect({ port: Number(to), host, allowHalfOpen: true });
  carry(here, there);
  carry(there, here);
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
`;

/** The bed, with a relay on a that leads to b. */
async function withRelay(bed: Bed): Promise<(signal: 'SIGUSR2' | 'SIGHUP' | 'SIGWINCH') => void> {
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
  return (signal) => {
    a.kill(relay.pid, signal);
  };
}

await t.test('a link that drops to 1 Mbit/s', { skip, timeout: 240_000 }, async (t) => {
  await using bed = await makeBed({ mib: 48 });
  const tell = await withRelay(bed);
  const slow = (isSlow: boolean): void => {
    tell(isSlow ? 'SIGUSR2' : 'SIGHUP');
  };
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

await t.test('a link that breaks again and again', { skip, timeout: 240_000 }, async (t) => {
  await using bed = await makeBed({ mib: 48 });
  const tell = await withRelay(bed);

  const unwilling = await startFlight(bed, ['--reconnect', '0']);
  tell('SIGWINCH');
  await claimError(t, unwilling, 'PEER', /broke|closed/);
  t.not(bed.a.process(bed.counter.pid)?.state, undefined, 'the tree runs on');
  await sleep(1000); // until the relay carries again

  const willing = await startFlight(bed, []);
  for (let times = 0; times < 2; times++) {
    tell('SIGWINCH');
    await until('the link to come back', () => willing.stdout.split('connected again').length > times + 1);
    await sleep(200);
  }
  t.equal((await willing.ended).code, 0, `it goes on where it was: ${willing.stdout.slice(-2000)}`);
  const report = linesOf(willing).at(-1);
  t.match(report, { status: 'completed', reconnects: 2 });
  const { transferred } = report?.['ram'] as { transferred: number };
  t.ok(transferred < 1.5 * 48 * 2 ** 20, `what had arrived was not sent again: ${transferred} bytes`);
  await claimContent(t, bed);
});
