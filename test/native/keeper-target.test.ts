// The keeper on the target: shells with the right IDs, none of them left when the agent dies while STAGING, all of them
// standing when it dies PREPARED; and the parent of what runs.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Keeper } from '../../src/kernel/keeper.ts';
import { migrationDir } from '../../src/kernel/run-dir.ts';
import { mustRun, sleep, until } from '../helpers/commands.ts';
import { KilledAgent } from '../helpers/keeper-agent.ts';
import {
  freePid,
  newId,
  nothingLeft,
  ownFolders,
  removeCgroups,
  unlessFences,
} from '../helpers/keeper-bed.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);

async function targetAgent() {
  const id = newId();
  const agent = new KilledAgent();
  const keeperPid = (await agent.do('start', { role: 'target', id })) ?? 0;
  return { id, agent, keeperPid };
}

function status(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

const field = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status(pid))?.[1] ?? '';

function exits(id: string): string {
  return readFileSync(join(migrationDir(id, 'target'), 'exits'), 'utf8');
}

t.test('a shell is as blank as a process can be', { skip }, async (t) => {
  const { id, agent, keeperPid } = await targetAgent();
  const vpid = freePid();
  const { pid, init } = await agent.spawn({ vpid });
  t.equal(pid, vpid);
  t.equal(init, 0);
  t.same(readdirSync(`/proc/${pid}/fd`), ['500'], 'its one descriptor');
  t.match(
    readFileSync(`/proc/${pid}/fdinfo/500`, 'utf8'),
    new RegExp(`Pid:\\t${agent.pid}\\n`),
    'is of the agent',
  );
  t.equal(field(pid, 'PPid'), String(keeperPid));
  t.equal(field(pid, 'SigBlk'), 'fffffffffffbfeef', 'all signals but KILL, STOP and TRAP');
  t.equal(field(pid, 'SigIgn'), '0000000000000000');
  t.equal(field(pid, 'SigCgt'), '0000000000000000');
  t.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
  t.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`godwit-${id}-target`));
  t.match(field(pid, 'State'), /^S/);
  t.equal(os.getPriority(pid), 0, "the keeper's priority is not inherited");
  await t.rejects(agent.spawn({ vpid }), /^PID_TAKEN: .*PID \d+: File exists/);
  await agent.do('abort');
  t.equal(status(pid), '', 'an abort leaves no shell');
  await agent.do('close');
  await nothingLeft(id);
  await agent.kill();
});

t.test('shells die with the agent while STAGING', { skip }, async (t) => {
  const { id, agent } = await targetAgent();
  const shells = [
    await agent.spawn({ vpid: freePid() }),
    await agent.spawn({ vpid: freePid(), sid: freePid() }),
    await agent.spawn({ vpid: 4242, newPidNamespace: true }),
  ];
  await agent.kill();
  await nothingLeft(id);
  t.same(
    shells.filter(
      ({ pid, init }) => existsSync(`/proc/${pid}`) || (existsSync(`/proc/${init}/status`) && init > 0),
    ),
    [],
  );
});

t.test('a tree that is PREPARED stands when the agent dies, and runs when told', { skip }, async (t) => {
  const { id, agent, keeperPid } = await targetAgent();
  const { pid } = await agent.spawn({ vpid: freePid() });
  await agent.do('freeze');
  t.ok(await agent.do('change', 'STAGING', 'PREPARED'));
  await t.rejects(agent.spawn({ vpid: freePid() }), /spawn after STAGING/);
  await agent.kill();
  const keeper = Keeper.connect(id, 'target');
  await until('the keeper to see it', () => !keeper.status().agentAlive);
  const { fence = '', ...seen } = keeper.status();
  t.match(seen, { word: 'PREPARED', children: 1 });
  t.match(readFileSync(join(fence, 'cgroup.events'), 'utf8'), 'frozen 1');
  t.equal(field(pid, 'PPid'), String(keeperPid));
  const first = keeper.run();
  t.match(readFileSync(join(fence, 'cgroup.events'), 'utf8'), 'frozen 0');
  t.equal(keeper.word.state, 'RUNNING');
  await sleep(20);
  const again = keeper.run();
  t.ok(first.ranMs >= 0 && again.ranMs > first.ranMs + 19, 'it counts from the first time');
  await t.rejects(keeper.abort(), { code: 'KEEPER' }, 'what runs is not aborted');
  await until('the fence to be left', () => !existsSync(fence));
  t.notMatch(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), id);
  await keeper.close();
  process.kill(pid, 'SIGTERM'); // blocked
  process.kill(pid, 'SIGKILL');
  await nothingLeft(id);
  const history = readFileSync(join(folders.root, 'state/history.jsonl'), 'utf8');
  t.match(history, new RegExp(`"id":"${id}".*"event":"exit","vpid":${pid},"signal":9`));
});

t.test('a PREPARED tree can be thrown away by a later client', { skip }, async (t) => {
  const { id, agent } = await targetAgent();
  const { pid, init } = await agent.spawn({ vpid: 77, newPidNamespace: true });
  await agent.do('freeze');
  await agent.do('change', 'STAGING', 'PREPARED');
  await agent.kill();
  const keeper = Keeper.connect(id, 'target');
  await keeper.abort();
  await keeper.close();
  await nothingLeft(id);
  t.notOk(existsSync(`/proc/${pid}`));
  t.notOk(existsSync(`/proc/${init}`));
});

t.test('an agent that dies while it throws away a PREPARED tree leaves nothing', { skip }, async (t) => {
  const { id, agent } = await targetAgent();
  const { pid, init } = await agent.spawn({ vpid: 77, newPidNamespace: true });
  await agent.do('freeze');
  await agent.do('change', 'STAGING', 'PREPARED');
  await agent.do('change', 'PREPARED', 'ABORTED');
  process.kill(pid, 'SIGKILL'); // its zombie has a frozen parent
  await agent.kill();
  await nothingLeft(id);
  t.notOk(existsSync(`/proc/${init}`));
});

t.test('a PREPARED tree that was killed does not run', { skip }, async (t) => {
  const { id, agent } = await targetAgent();
  const { pid } = await agent.spawn({ vpid: freePid() });
  await agent.do('freeze');
  await agent.do('change', 'STAGING', 'PREPARED');
  process.kill(pid, 'SIGKILL');
  const keeper = Keeper.connect(id, 'target');
  await until('the keeper to see it', () => keeper.status().children === 0);
  t.throws(
    () => {
      keeper.run();
    },
    { code: 'KEEPER', cause: { code: 'ESRCH' } },
  );
  t.equal(keeper.word.state, 'PREPARED');
  await agent.do('abort');
  await agent.do('close');
  await keeper.close();
  await nothingLeft(id);
  await agent.kill();
});

t.test(
  'a new PID namespace gives any PID, with its own /proc and an init that ends with the tree',
  { skip },
  async (t) => {
    const { id, agent, keeperPid } = await targetAgent();
    const { pid, init } = await agent.spawn({ vpid: process.pid, newPidNamespace: true });
    t.equal(field(pid, 'NSpid').split('\t').at(-1), String(process.pid));
    t.equal(field(pid, 'PPid'), String(init));
    t.equal(field(init, 'PPid'), String(keeperPid));
    const inside = await mustRun('nsenter', [
      '-t',
      String(pid),
      '-m',
      '-p',
      'sh',
      '-c',
      'cat /proc/1/comm; ls /proc',
    ]);
    t.match(inside, /^godwit-init\n/);
    t.ok(inside.split('\n').includes(String(process.pid)), 'its /proc shows its own PIDs');
    const second = await agent.spawn({ vpid: 2, newPidNamespace: true, sid: 3 });
    t.equal(second.init, init, 'further roots share the namespace');
    t.equal(field(second.pid, 'NSsid').split('\t').at(-1), '3');
    await t.rejects(agent.spawn({ vpid: 1, newPidNamespace: true }), /PID_TAKEN/);
    await agent.do('freeze');
    await agent.do('change', 'STAGING', 'PREPARED');
    await agent.do('run');
    process.kill(second.pid, 'SIGKILL');
    await until('its exit to be recorded', () =>
      /"vpid":2,"signal":9/.test(existsSync(join(migrationDir(id, 'target'), 'exits')) ? exits(id) : ''),
    );
    t.ok(existsSync(`/proc/${pid}`), 'the other one lives');
    await agent.kill();
    t.ok(existsSync(`/proc/${init}`), 'an agent that dies when all RUNs harms nothing');
    process.kill(pid, 'SIGKILL');
    await nothingLeft(id);
    t.notOk(existsSync(`/proc/${init}`));
  },
);

t.test(
  'time offsets hold inside a shell, on the host and in a namespace, and nowhere else',
  { skip },
  async (t) => {
    const { id, agent, keeperPid } = await targetAgent();
    const timeOffsets = {
      monotonic: { seconds: 1_000_000, nanoseconds: 5 },
      boottime: { seconds: 2_000_000, nanoseconds: 6 },
    };
    const here = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    for (const order of [
      { vpid: freePid() },
      { vpid: 2, newPidNamespace: true },
      { vpid: freePid(), sid: freePid() },
    ]) {
      const { pid } = await agent.spawn({ ...order, timeOffsets });
      const offsets = readFileSync(`/proc/${pid}/timens_offsets`, 'utf8')
        .split('\n')
        .map((line) => line.split(/\s+/));
      t.match(offsets, [
        ['monotonic', '1000000', '5'],
        ['boottime', '2000000', '6'],
      ]);
      const inside = await mustRun('nsenter', ['-t', String(pid), '-T', 'cat', '/proc/uptime']);
      t.ok(Math.abs(Number(inside.split(' ')[0]) - here - 2_000_000) < 60, 'its clocks show it');
    }
    t.equal(readlinkSync(`/proc/${keeperPid}/ns/time_for_children`), readlinkSync('/proc/self/ns/time'));
    const plain = await agent.spawn({ vpid: freePid() });
    t.equal(readlinkSync(`/proc/${plain.pid}/ns/time`), readlinkSync('/proc/self/ns/time'));
    await agent.do('abort');
    await agent.do('close');
    await nothingLeft(id);
    await agent.kill();
  },
);

t.test('a session whose leader is dead is made again', { skip }, async (t) => {
  const { id, agent, keeperPid } = await targetAgent();
  const sid = freePid();
  const { pid } = await agent.spawn({ vpid: freePid(), sid });
  t.equal(readStat(pid).session, String(sid));
  t.equal(field(pid, 'PPid'), String(keeperPid), 'the root is a child of the keeper all the same');
  t.notOk(existsSync(`/proc/${sid}`), 'the leader is gone, and reaped');
  await t.rejects(agent.spawn({ vpid: freePid(), sid: process.pid }), /PID_TAKEN: .*session ID/);
  await agent.kill();
  await nothingLeft(id);
});

t.test('a keeper killed while STAGING takes its namespace along', { skip }, async (t) => {
  const { id, agent, keeperPid } = await targetAgent();
  const { pid, init } = await agent.spawn({ vpid: 9, newPidNamespace: true });
  process.kill(keeperPid, 'SIGKILL');
  await until('the namespace to end', () => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${init}`));
  await t.rejects(agent.spawn({ vpid: 10 }), /^KEEPER/, 'the agent is told');
  await agent.kill();
  // Nobody is left to clean up behind a killed keeper but we.
  removeCgroups(id);
  await mustRun('rm', ['-rf', join(process.env['GODWIT_RUN_DIR'] ?? '', id)]);
  await nothingLeft(id);
  t.pass();
});

function readStat(pid: number): { session: string } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return { session: text.slice(text.lastIndexOf(')') + 2).split(' ')[3] ?? '' };
}
