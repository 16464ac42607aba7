// The fence on real cgroups: nobody slips out while it is built, all stand when it is frozen, all are back at the end.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import t from 'tap';
import { cgroup2Dir } from '../../../src/kernel/cgroup2.ts';
import { awaitFrozen } from '../../../src/kernel/await-frozen.ts';
import { Fence } from '../../../src/kernel/fence.ts';
import { readStat } from '../../../src/kernel/proc/stat.ts';
import { sleep, until } from '../../helpers/commands.ts';
import { Counter, newId, ownFolders, unlessFences } from '../../helpers/keeper-bed.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);

function endAll(root: ChildProcess, pids: readonly number[]): void {
  for (const pid of [root.pid ?? 0, ...pids]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended
    }
  }
}

t.test(
  'a process stands while the fence is frozen, and goes on in its own cgroup afterwards',
  { skip },
  async (t) => {
    const counter = new Counter(folders.root);
    await counter.started();
    const home = cgroup2Dir(counter.pid);
    const undo: string[] = [];
    const id = newId();
    const fence = Fence.around(id, [counter.pid], {
      undoThaw: (dir) => undo.push(`thaw ${basename(dir)}`),
      undoRestoreCgroup: (dir, parent) => undo.push(`restore ${basename(dir)} ${parent}`),
    });
    t.same(
      undo,
      [`restore godwit-${id}-source ${home}`, `thaw godwit-${id}-source`],
      'the way back is registered',
    );
    t.same(fence.pids(), [counter.pid]);
    t.same(fence.tids(), [counter.pid]);
    t.equal(dirname(fence.dirs[0] ?? ''), home);
    t.ok(await counter.counts(), 'it runs inside');
    for (let round = 0; round < 3; round++) {
      fence.freeze();
      t.ok(fence.isFrozen);
      t.ok(await counter.stands(), 'frozen');
      fence.thaw();
      t.ok(await counter.counts(), 'thawed');
    }
    fence.freeze();
    const [dir = ''] = fence.dirs;
    fence.remove();
    t.equal(cgroup2Dir(counter.pid), home);
    t.notOk(existsSync(dir));
    t.ok(await counter.counts());
    counter.end();
  },
);

function endGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-(pid ?? 0), 'SIGKILL');
  } catch {
    // all of it has ended
  }
}

t.test('forks do not slip out while the fence is built', { skip }, async (t) => {
  const script = 'f() { while :; do sh -c "sleep 0.01" & sleep 0.002; done; }; f & f & wait';
  const tree = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  t.teardown(() => {
    endGroup(tree); // also when something fails on the way: it would fork for ever
  });
  await until('it to fork', () => childrenOf(tree.pid ?? 0).length >= 2);
  const id = newId();
  const fence = Fence.around(id, [tree.pid ?? 0]);
  t.ok(fence.rescan().length >= 3);
  await sleep(100);
  fence.freeze();
  const inside = new Set(fence.pids());
  const outside = [...inside]
    .flatMap((pid) => childrenOf(pid))
    .filter((pid) => !inside.has(pid) && !isZombie(pid));
  t.same(outside, [], `${inside.size} processes, all inside`);
  endAll(tree, [...inside]);
  await until('the tree to end', () => fence.pids().length === 0);
  fence.remove();
});

t.test('threads are found', { skip }, async (t) => {
  const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await until('its threads', () => readdirSync(`/proc/${node.pid ?? 0}/task`).length > 1);
  const fence = Fence.around(newId(), [node.pid ?? 0]);
  fence.freeze();
  t.ok(fence.tids().includes(node.pid ?? 0));
  t.ok(fence.tids().length > 1);
  fence.remove();
  node.kill('SIGKILL');
});

t.test('a task that hardly gets a processor freezes, too', { skip }, async (t) => {
  const pinned = (command: string[]): ChildProcess =>
    spawn('taskset', ['-c', '0', ...command], { stdio: 'ignore' });
  const busy = ['sh', '-c', 'while :; do :; done'];
  const starved = pinned(['chrt', '--idle', '0', ...busy]);
  const others = [pinned(busy), pinned(busy)];
  t.teardown(() => {
    for (const child of [starved, ...others]) endAll(child, []);
  });
  await until('it is in SCHED_IDLE', () => readStat(starved.pid ?? 0)?.policy === 5);
  const fence = Fence.around(newId(), [starved.pid ?? 0]);
  fence.freeze();
  t.ok(fence.isFrozen);
  t.equal(readStat(starved.pid ?? 0)?.state, 'S');
  fence.remove();
});

t.test('who does not freeze is named, and runs on', { skip }, async (t) => {
  // Nothing that hangs in the kernel can be made without hurting the machine, so this directory never says "frozen".
  const sleeper = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.teardown(() => {
    endAll(sleeper, []);
  });
  await until('it sleeps', () => readStat(sleeper.pid ?? 0)?.state === 'S');
  const own = process.pid;
  t.throws(
    () => {
      awaitFrozen({ path: '/a/cgroup', isFrozen: false, pids: () => [own] }, 5);
    },
    { code: 'TIMEOUT', message: new RegExp(`${own} \\(.*, state R\\)`), hint: /overloaded/ },
  );
  t.throws(
    () => {
      awaitFrozen({ path: '/a/cgroup', isFrozen: false, pids: () => [sleeper.pid ?? 0] }, 5);
    },
    { code: 'TIMEOUT', message: /do not freeze within \d+ ms$/ },
  );
});

t.test('processes that are gone are no reason to fail', { skip }, (t) => {
  const fence = Fence.around(newId(), [0x3f_fff0]);
  t.same(fence.pids(), []);
  fence.freeze();
  fence.remove();
  t.end();
});

t.test('processes of different cgroups get a fence each', { skip }, async (t) => {
  const first = new Counter(folders.root);
  const second = new Counter(folders.root);
  await first.started();
  await second.started();
  const outer = Fence.around(newId(), [first.pid]);
  const inner = Fence.around(newId(), [first.pid, second.pid]);
  t.equal(inner.dirs.length, 2);
  inner.freeze();
  t.ok((await first.stands()) && (await second.stands()));
  inner.remove();
  t.same(outer.pids(), [first.pid], 'back where it was');
  t.ok((await first.counts()) && (await second.counts()));
  outer.remove();
  first.end();
  second.end();
});

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}
