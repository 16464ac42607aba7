// IDs that somebody has on the target: a task that is born under way with such an ID ends the attempt, and the next one goes to a PID
// namespace of its own, or says what is wrong, as the operator wants it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../helpers/commands.ts';
import type { Host } from '../helpers/host.ts';
import { makeHosts } from '../helpers/hosts.ts';
import type { Spawned } from '../helpers/namespace-host.ts';
import { unless } from '../helpers/skip-unless.ts';

/** Works in its memory; SIGUSR1: starts 40 threads; SIGUSR2: says whether all of them still answer. */
const program = `
import queue, signal, threading
memory = bytearray(128 << 20)
threads = []
def serve(questions, answers):
    while True: answers.put(questions.get() + 1)
def start(*_):
    for _ in range(40):
        pair = (queue.Queue(), queue.Queue())
        threads.append(pair)
        threading.Thread(target=serve, args=pair, daemon=True).start()
def ask(*_):
    for number, (questions, _) in enumerate(threads): questions.put(number)
    good = sum(answers.get(timeout=30) == number + 1 for number, (_, answers) in enumerate(threads))
    print('answers', good, flush=True)
signal.signal(signal.SIGUSR1, start)
signal.signal(signal.SIGUSR2, ask)
print('ready', flush=True)
at = 0
while True:
    memory[at] = (memory[at] + 1) % 256
    at = (at + 40961) % len(memory)
`;

/** Holders of some of the IDs that tasks will soon have where `last` is the last one: the agent takes 20 to 70 first. Returns their PIDs. */
async function takeIds(host: Host, last: number): Promise<number[]> {
  const ids = Array.from({ length: 12 }, (_, i) => last + 30 + 7 * i);
  const commands = ids.map(
    (id) =>
      `echo ${id - 1} >/proc/sys/kernel/ns_last_pid; sleep 600 >/dev/null 2>&1 & [ $! = ${id} ] || exit 9`,
  );
  const farAway = 'echo 20000 >/proc/sys/kernel/ns_last_pid'; // for whatever starts on that host from now on
  const { code } = await host.run('bash', ['-c', [...commands, farAway].join('\n')]);
  if (code !== 0) throw new Error(`IDs ${ids.join(', ')} could not be taken`);
  return ids;
}

async function startProgram(host: Host): Promise<Spawned> {
  const path = join(host.scratch, 'threads.py');
  writeFileSync(path, program);
  const spawned = await host.spawn('python3', [path], { name: 'threads' });
  await until('the program is ready', () => spawned.log().includes('ready'));
  return spawned;
}

const skip = await unless('hosts', 'godwit', 'command:python3');
t.setTimeout(180_000);

await t.test('threads that are born under way with IDs that are taken', { skip }, async (t) => {
  await using hosts = await makeHosts({ count: 2 });
  const { a, b } = hosts;
  await b.receive();
  const tree = await startProgram(a);
  for (const choice of ['host', 'auto']) {
    const { stdout: last } = await a.run('cat', ['/proc/sys/kernel/ns_last_pid']);
    const holders = await takeIds(b, Number(last));
    const args = ['--json', '--max-downtime', '0.001', '--max-rounds', '5', '--pid-namespace', choice];
    const flight = a.start(process.execPath, a.migrateArgs(tree.pid, b, args));
    await until('the first round is done', () => flight.stdout.includes('"dirty-sync-count":1'));
    a.kill(tree.pid, 'SIGUSR1');
    const { code, stdout, stderr } = await flight.ended;
    const [told, exit] = choice === 'host' ? [/"code":"PID_TAKEN"/, 1] : [/: starting over in a new PID/, 0];
    t.equal(code, exit, `--pid-namespace ${choice}: ${stdout}${stderr}`);
    t.match(stdout, told, 'it says what stood in the way');
    const [here, there] = choice === 'host' ? [a, b] : [b, a];
    const [found] = here.processes().filter(({ command }) => command.endsWith('threads.py'));
    // Never by a number that is none: -1 is everybody on this machine.
    if (found === undefined) throw new Error(`the tree is not where it should be: ${stdout}${stderr}`);
    process.kill(found.outsidePid, 'SIGUSR2');
    const answers = `answers ${choice === 'host' ? 40 : 80}\n`;
    await until('all threads answer', () => tree.log().includes(answers));
    t.strictSame(await there.lastingLeftovers(holders), [], 'nothing of it is on the other host');
    for (const holder of holders) b.kill(holder);
    for (const holder of holders) await b.waitGone(holder);
  }
});
