// What a person can decide when neither side knows: listed on both hosts, refused where two copies could run, and settled.
import { existsSync } from 'node:fs';
import t from 'tap';
import type { Test } from 'tap';
import { readStat } from '../../src/kernel/proc/stat.ts';
import { sleep, until } from '../helpers/commands.ts';
import type { CommandResult } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { unless } from '../helpers/skip-unless.ts';
import { claimContent, claimUntouched, faultsOf, hostOf, journals, makeBed, workersOf } from './bed.ts';
import type { Bed } from './bed.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

/** The source has committed, and its agent is gone; the target stands PREPARED, and nobody receives there. Returns the migration's ID. */
async function bringInDoubt({ a, b, counter }: Bed): Promise<string> {
  const flight = a.start(process.execPath, a.migrateArgs(counter.pid, b, ['--json']));
  const agent = await a.pidOf(flight);
  await until('the copying', () => flight.stdout.includes('pre-copy'));
  const workers = workersOf(b);
  await until('the freeze', () => flight.stdout.includes('freezing'), 60_000, 0);
  for (const worker of workers) process.kill(worker, 'SIGSTOP');
  await until('FENCED', () => journals(agent, 'source').includes('FENCED'));
  await sleep(1000); // the final state has left
  process.kill(agent, 'SIGSTOP');
  for (const worker of workers) process.kill(worker, 'SIGCONT');
  const [some = 0] = workers;
  await until('PREPARED', () => journals(some, 'target').includes('PREPARED'));
  await sleep(300); // and has been told
  for (const worker of workers) process.kill(worker, 'SIGKILL');
  await stopReceiving(b);
  // nsenter(1), which the agent is a child of here, has stopped with it, and hands this on.
  process.kill(readStat(agent)?.ppid ?? 0, 'SIGCONT');
  await until('COMMITTED', () => journals(agent, 'source').includes('COMMITTED'));
  process.kill(agent, 'SIGKILL');
  await flight.ended;
  const [, id = ''] = /migration ([0-9a-f-]{36})/.exec(flight.stdout) ?? [];
  return id;
}

async function stopReceiving(b: Host): Promise<void> {
  const pid = b.receiver?.pid ?? 0;
  b.kill(pid, 'SIGKILL');
  await b.waitGone(pid);
}

function claim(t: Test, what: string, result: CommandResult, code: number, words: RegExp): void {
  const said = result.stdout + result.stderr;
  t.equal(result.code, code, `${what}: ${said}`);
  t.match(said, words, what);
}

/** Whatever its keeper tries meanwhile. */
const quickly = ['--timeout', '1'];

await t.test('a tree that nobody has any more goes on at its source', { skip }, async (t) => {
  await using bed = await makeBed({ mib: 8 });
  const { a, b } = bed;
  const id = await bringInDoubt(bed);
  claim(t, 'the source lists it', await a.godwit(['resolve', '--json']), 0, new RegExp(`${id}.*COMMITTED.*peer-boot-id`));
  claim(t, 'the target lists it', await b.godwit(['resolve']), 0, /target, PREPARED/);
  claim(t, 'nobody can tell', await a.godwit(['resolve', id, ...quickly]), 4, /committed/);
  claim(t, 'it may run there', await a.godwit(['resolve', id, '--abort', ...quickly]), 3, /does not answer.*two copies/s);
  claim(t, 'too late to cancel', await a.godwit(['cancel', id]), 3, /cannot be cancelled any more: it is COMMITTED/);
  claim(t, 'the source knows', await b.godwit(['resolve', id]), 2, /settled on its source/);
  claim(t, 'it may run at the source', await b.godwit(['resolve', id, '--commit']), 3, /may have taken the tree back/);
  claim(t, 'the target lets go', await b.godwit(['resolve', id, '--abort']), 0, /nothing of it is left/);
  t.strictSame(await b.lastingLeftovers(), []);
  await b.receive();
  claim(t, 'and says so', await a.godwit(['resolve', id, ...quickly]), 4, /--abort/);
  claim(t, 'taken back', await a.godwit(['resolve', id, '--abort']), 0, /runs here again; nothing of it is on the target/);
  await claimUntouched(t, bed);
  t.equal((await a.migrate(bed.counter.pid, b)).code, 0, 'and it can move');
  await claimContent(t, bed);
}); // prettier-ignore

await t.test('a target that can be reached again is asked, and one copy runs', { skip }, async (t) => {
  await using bed = await makeBed({ mib: 8 });
  const { a, b } = bed;
  const id = await bringInDoubt(bed);
  await b.receive();
  // Its keeper asks for the opposite all the time: either may be first.
  const { code, stdout, stderr } = await a.godwit(['resolve', id, '--abort']);
  t.ok(code === 0 || code === 3 || code === 2, `${stdout}${stderr}`);
  t.strictSame(await faultsOf(bed), [], 'exactly one copy runs');
  t.equal(hostOf(bed).name, code === 0 ? 'a' : 'b');
  await claimContent(t, bed);
});

await t.test('a target whose source is lost lets the tree run', { skip }, async (t) => {
  await using bed = await makeBed({ mib: 8 });
  const { a, b } = bed;
  const id = await bringInDoubt(bed);
  // The source's host is lost: nothing of it is left but its network namespace.
  for (const { outsidePid } of a.processes()) if (outsidePid !== a.initPid) process.kill(outsidePid, 'SIGKILL');
  claim(t, 'listed', await b.godwit(['resolve']), 0, /--source-lost/);
  claim(t, 'it runs', await b.godwit(['resolve', id, '--commit', '--source-lost', '--json']), 0, /"state":"running"/);
  claim(t, 'once', await b.godwit(['resolve', id, '--abort']), 2, /its tree runs here/);
  await until('it beats on the target', () => hostOf(bed).name === 'b');
  await claimContent(t, bed);
}); // prettier-ignore

for (const side of ['source', 'target'] as const) {
  await t.test(`cancelled on its ${side}`, { skip }, async (t) => {
    await using bed = await makeBed({ mib: 64 });
    const { a, b, counter } = bed;
    for (const delayMs of [0, 400]) {
      const flight = a.start(
        process.execPath,
        a.migrateArgs(counter.pid, b, ['--json', '--compress', 'none', '--bandwidth', '20Mbit']),
      );
      await until('the copying', () => flight.stdout.includes('pre-copy'));
      const [, id = ''] = /migration ([0-9a-f-]{36})/.exec(flight.stdout) ?? [];
      const [worker = 0] = workersOf(b);
      const journal = `/proc/${worker}/root/run/godwit/${id}/target/journal`;
      await until('its beginning on the target', () => existsSync(journal));
      await sleep(delayMs);
      const host = side === 'source' ? a : b;
      claim(t, 'cancel', await host.godwit(['cancel', id, '--json']), 0, /"cancelled":true/);
      const { code, stdout } = await flight.ended;
      t.equal(code, 1, stdout);
      t.match(stdout, side === 'source' ? /cancelled by SIGINT/ : /was stopped on the target/);
      await claimUntouched(t, bed);
      claim(t, 'again', await host.godwit(['cancel', id]), 2, /no migration/);
    }
    await claimContent(t, bed);
  });
}
