// The operator changes his mind: at whatever moment Ctrl-C comes, the tree runs on one host alone, with all that it had.
import t from 'tap';
import { sleep } from '../helpers/commands.ts';
import { unless } from '../helpers/skip-unless.ts';
import { claimContent, claimUntouched, faultsOf, hostOf, makeBed } from './bed.ts';

t.setTimeout(300_000); // whole migrations on a machine that others use too
const skip = await unless('hosts', 'godwit', 'command:cc');

await t.test('Ctrl-C at any moment', { skip, timeout: 300_000 }, async (t) => {
  for (const delayMs of [50, 200, 350, 500, 700, 900, 1200]) {
    await using bed = await makeBed({ mib: 64 });
    const { a, b, counter } = bed;
    const flight = a.start(
      process.execPath,
      a.migrateArgs(counter.pid, b, ['--json', '--max-downtime', '0.001', '--max-rounds', '8']),
    );
    const agent = await a.pidOf(flight);
    await sleep(delayMs);
    try {
      process.kill(agent, 'SIGINT');
    } catch {
      t.comment(`after ${delayMs} ms it had ended`);
    }
    const { code, signal, stdout, stderr } = await flight.ended;
    t.comment(`after ${delayMs} ms: ${String(code ?? signal)}`);
    if (code === 0) {
      t.strictSame(await faultsOf(bed), [], 'it was too late to cancel: the counter goes on, alone');
      t.equal(hostOf(bed).name, 'b', 'on its target');
    } else {
      t.ok(code === 1 || signal === 'SIGINT', `cancelled: ${stdout}${stderr}`);
      await claimUntouched(t, bed);
    }
    await claimContent(t, bed);
  }
});
