// The keeper on the source: whoever dies, and when, the tree runs on as before, or stays frozen once it is COMMITTED.
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cgroup2Dir } from '../../src/kernel/cgroup2.ts';
import { Keeper } from '../../src/kernel/keeper.ts';
import { KilledAgent } from '../helpers/keeper-agent.ts';
import { Counter, newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';
import { hasCommand, sleep, until } from '../helpers/commands.ts';
import type { OwnerState } from '../../src/kernel/owner-word.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);
const noPython = !(await hasCommand('python3')) && 'python3 is not installed';

/** A counter that an agent has frozen, with the owner word brought to a state. */
async function frozenCounter(t: Test, ...states: readonly OwnerState[]) {
  const id = newId();
  const counter = new Counter(folders.root);
  await counter.started();
  const home = cgroup2Dir(counter.pid);
  const agent = new KilledAgent();
  const log = join(folders.root, `${id}.log`);
  await agent.do('start', {
    role: 'source',
    id,
    resolver: ['sh', '-c', `echo "$$" >>"${log}"; exit $(cat "${log}.code")`],
  });
  const resolverEnds = (code: number): void => {
    writeFileSync(`${log}.code`, String(code));
  };
  resolverEnds(0);
  const { pids } = await agent.do('fence', [counter.pid]);
  t.same(pids, [counter.pid], 'the counter stands in the fence');
  t.ok(await counter.counts(), 'and counts there');
  const freezeMs = await agent.do('freeze');
  for (const [at, from] of states.slice(0, -1).entries()) {
    t.ok(await agent.do('change', from, states[at + 1] ?? from), `${from} -> ${String(states[at + 1])}`);
  }
  t.ok(await counter.stands(), 'frozen');
  t.comment(`freezing took ${freezeMs.toFixed(2)} ms`);
  const resolverRuns = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0);
  return { id, counter, home, agent, resolverRuns, resolverEnds };
}

for (const states of [['OPEN'], ['OPEN', 'FENCED']] as const) {
  const name = states.at(-1) ?? '';
  t.test(`an agent killed while ${name} leaves the tree running where it was`, { skip }, async (t) => {
    const { id, counter, home, agent, resolverRuns } = await frozenCounter(t, ...states);
    agent.killNow();
    t.comment(`counts again ${counter.msUntilItCounts().toFixed(1)} ms after SIGKILL was sent`);
    await nothingLeft(id);
    t.equal(cgroup2Dir(counter.pid), home, 'it is back in its own cgroup');
    t.ok(await counter.counts(), 'and counts on');
    t.equal(resolverRuns(), 1, 'the resolver ran once');
    const history = readFileSync(join(folders.root, 'state/history.jsonl'), 'utf8');
    t.match(
      history.split('\n').find((line) => line.includes(id)),
      /"event":"aborted".*"us":\d+/,
    );
    counter.end();
  });
}

t.test('an agent killed after COMMITTED leaves the tree frozen until finish', { skip }, async (t) => {
  const { id, counter, agent, resolverRuns } = await frozenCounter(t, 'OPEN', 'FENCED', 'COMMITTED');
  await agent.kill();
  await until('the resolver started twice', () => resolverRuns() >= 2);
  t.ok(await counter.stands(), 'still frozen');
  const keeper = Keeper.connect(id, 'source');
  t.match(keeper.status(), { word: 'COMMITTED', agentAlive: false, undo: 2, ownCgroup: true });
  await t.rejects(keeper.abort(), { code: 'KEEPER' }, 'nobody can abort now');
  await keeper.finish();
  await keeper.close();
  await nothingLeft(id);
  t.equal(await until('the tree to end', () => counter.child.signalCode ?? undefined), 'SIGKILL');
});

t.test('revive brings a COMMITTED tree back', { skip }, async (t) => {
  const { id, counter, agent } = await frozenCounter(t, 'OPEN', 'FENCED', 'COMMITTED');
  await agent.kill();
  const keeper = Keeper.connect(id, 'source');
  await keeper.revive();
  await keeper.close();
  t.ok(await counter.counts());
  await nothingLeft(id);
  counter.end();
});

t.test('an abort that the agent asks for is done when it is answered', { skip }, async (t) => {
  const { id, counter, home, agent, resolverRuns } = await frozenCounter(t, 'OPEN', 'FENCED');
  await agent.do('abort');
  t.ok(await counter.counts());
  t.equal(cgroup2Dir(counter.pid), home);
  await agent.do('close');
  await nothingLeft(id);
  t.equal(resolverRuns(), 0, 'no resolver is needed');
  await agent.kill();
  counter.end();
});

t.test(
  'an agent that dies after an abort, before it told the target, has the resolver tell',
  { skip },
  async (t) => {
    const { id, counter, agent, resolverRuns } = await frozenCounter(t, 'OPEN', 'FENCED');
    await agent.do('abort');
    await agent.kill();
    await nothingLeft(id);
    t.equal(resolverRuns(), 1);
    counter.end();
  },
);

t.test('a target that cannot be told is told later: it may hold a frozen copy', { skip }, async (t) => {
  const { id, counter, agent, resolverRuns, resolverEnds } = await frozenCounter(t, 'OPEN', 'FENCED');
  resolverEnds(1);
  await agent.kill();
  await until('the resolver started twice', () => resolverRuns() >= 2);
  t.ok(await counter.counts(), 'meanwhile the tree runs');
  const keeper = Keeper.connect(id, 'source');
  t.match(keeper.status(), { word: 'ABORTED', agentAlive: false, undo: 0 });
  await keeper.close();
  resolverEnds(0);
  await nothingLeft(id);
  counter.end();
});

t.test('an agent that wins ABORTED and dies before the undo is undone all the same', { skip }, async (t) => {
  const { id, counter, agent } = await frozenCounter(t, 'OPEN', 'ABORTED');
  agent.killNow();
  counter.msUntilItCounts();
  await nothingLeft(id);
  t.ok(await counter.counts());
  counter.end();
});

t.test('finish kills what forks as fast as it can', { skip }, async (t) => {
  const id = newId();
  const script = 'f() { while :; do sleep 0.001 & wait; done; }; f & f & f & wait';
  const tree = spawn('sh', ['-c', script], { stdio: 'ignore' });
  await sleep(50);
  const agent = new KilledAgent();
  await agent.do('start', { role: 'source', id });
  const { pids } = await agent.do('fence', [tree.pid ?? 0]);
  t.ok(pids.length >= 4, `${pids.length} processes inside`);
  await agent.do('freeze');
  t.ok(await agent.do('change', 'OPEN', 'FENCED'));
  t.ok(await agent.do('change', 'FENCED', 'COMMITTED'));
  await agent.do('finish');
  t.same(
    pids.filter((pid) => existsSync(`/proc/${pid}`) && !isZombie(pid)),
    [],
    'nothing lives',
  );
  await agent.do('close');
  await nothingLeft(id);
  await agent.kill();
});

t.test('a poke lets a process go that spins in our code', { skip: skip || noPython }, async (t) => {
  const id = newId();
  const script = [
    'import ctypes, sys',
    'word = ctypes.c_uint64(0)',
    'print(ctypes.addressof(word), flush=True)',
    'while word.value != 7: pass',
    'print("let go", flush=True)',
  ];
  const spinner = spawn('python3', ['-c', script.join('\n')], { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  spinner.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const address = await until('its address', () => (out.includes('\n') ? Number(out.trim()) : undefined));
  const agent = new KilledAgent();
  await agent.do('start', { role: 'source', id });
  await agent.do('fence', [spinner.pid ?? 0]);
  await agent.do('freeze');
  await agent.do('poke', spinner.pid ?? 0, address, 7);
  await agent.kill();
  await until('it to be let go', () => out.includes('let go'));
  await nothingLeft(id);
  t.pass();
});

t.test('descriptors left with the keeper come back as the same open file', { skip }, async (t) => {
  const id = newId();
  const keeper = await Keeper.start({ role: 'source', id });
  const path = join(folders.root, 'held');
  writeFileSync(path, 'content');
  keeper.hold('file', openSync(path, 'r'));
  t.equal(readFileSync(keeper.fetch('file'), 'utf8'), 'content');
  t.equal(readFileSync(keeper.fetch('file'), 'utf8'), '', 'one open file, one offset');
  keeper.release('file');
  t.throws(() => keeper.fetch('file'), { code: 'KEEPER', cause: { code: 'ENOENT' } });
  const number = keeper.undoHold(openSync(path, 'r'));
  t.equal(keeper.status().undo, 1);
  keeper.drop(number);
  t.equal(keeper.status().undo, 0);
  t.throws(() => keeper.undoThaw('/no/such'), { code: 'KEEPER', cause: { code: 'ENOENT' } });
  t.throws(
    () => {
      keeper.run();
    },
    { code: 'KEEPER' },
    'run is for targets',
  );
  await keeper.abort();
  await keeper.close();
  await nothingLeft(id);
});

t.test('a second keeper for the same migration does not start', { skip }, async (t) => {
  const id = newId();
  const first = await Keeper.start({ role: 'source', id });
  await t.rejects(Keeper.start({ role: 'source', id }), { code: 'KEEPER', message: /File exists/ });
  t.equal(first.status().word, 'OPEN', 'the first is unharmed');
  const target = await Keeper.start({ role: 'target', id });
  t.equal(target.status().word, 'STAGING', 'the target of the same migration may be on the same host');
  for (const keeper of [first, target]) {
    await keeper.abort();
    await keeper.close();
  }
  await nothingLeft(id);
});

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}
