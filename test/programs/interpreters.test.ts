// Programs in node, python3 and bash go there and back while they work, and find nothing wrong with themselves afterwards.
import t from 'tap';
import { sleep } from '../helpers/commands.ts';
import { makeHosts } from '../helpers/hosts.ts';
import { roundsTimeoutMs, thereAndBack } from '../helpers/round-trip.ts';
import { unless } from '../helpers/skip-unless.ts';
import { startNode, startPipeline, startPython } from './interpreters.ts';

t.setTimeout(roundsTimeoutMs);
const skip = await unless('hosts', 'godwit', 'command:python3', 'command:bash');
const programs = {
  'node with timers, worker_threads, a child and an HTTP server': startNode,
  'python3 with threads, a subprocess and sockets': startPython,
  'bash with a pipeline of children': startPipeline,
};

// GODWIT_CASE=words runs only the programs whose name contains them.
const only = process.env['GODWIT_CASE'] ?? '';

for (const [name, start] of Object.entries(programs).filter(([name]) => name.includes(only))) {
  await t.test(`${name} goes on as if nothing had been`, { skip }, async (t) => {
    await using hosts = await makeHosts();
    const program = await start(hosts.a);
    await sleep(500);
    let seen = await program.progress(hosts.a);
    const look = async (host: typeof hosts.a): Promise<void> => {
      await sleep(300);
      t.strictSame(await program.check(host), [], `it finds nothing wrong on ${host.name}`);
      const now = await program.progress(host);
      t.ok(now > seen, 'it goes on');
      seen = now;
    };
    const at = await thereAndBack(t, hosts, program.pid, look, ['--tcp-close']);
    t.strictSame(await program.end(at), [], 'it ends well');
  });
}
