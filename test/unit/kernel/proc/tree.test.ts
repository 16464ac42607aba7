// Children and trees of real processes, zombies and races included.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { childrenByParent, readChildren } from '../../../../src/kernel/proc/children.ts';
import { listFds } from '../../../../src/kernel/proc/fd.ts';
import { readMaps } from '../../../../src/kernel/proc/maps.ts';
import { readNamespaces } from '../../../../src/kernel/proc/ns.ts';
import { readStat } from '../../../../src/kernel/proc/stat.ts';
import { readTree } from '../../../../src/kernel/proc/tree.ts';
import { readMountinfo } from '../../../../src/kernel/mountinfo.ts';

/** A shell in a process group of its own, which ends with the test. */
async function start(t: Test, script: string): Promise<ChildProcess & { pid: number }> {
  const child = spawn('bash', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child, 'spawn');
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await once(child, 'exit');
  });
  await once(child.stdout, 'data');
  return child as ChildProcess & { pid: number };
}

t.test('a tree is found whole, each process behind its parent', async (t) => {
  const root = await start(t, '(sleep 60 & (sleep 60 & echo ready; wait) & wait) & sleep 60 & wait');
  while (readTree(root.pid).filter(({ comm }) => comm === 'sleep').length < 3) await tick();
  const tree = readTree(root.pid);
  t.equal(tree.length, 6);
  t.match(tree[0], { pid: root.pid, ppid: process.pid, comm: 'bash' });
  for (const [index, { ppid }] of tree.entries()) {
    if (index > 0) t.ok(tree.slice(0, index).some(({ pid }) => pid === ppid));
  }
  t.same(childrenByParent(root.pid), readChildren(root.pid), 'both ways to the children agree');
  t.equal(readTree(root.pid, { maxPasses: 1 }).length, 6);
});

t.test('a zombie belongs to its tree and has hardly anything left', async (t) => {
  // The shell becomes a program that never reaps before its child ends: the child stays a zombie.
  const root = await start(t, '(sleep 0.3; exit 3) & echo ready; exec sleep 60');
  // Not the inner sleep, which its own shell reaps a moment later.
  const zombie = (): number | undefined =>
    readTree(root.pid).find(({ state, ppid }) => state === 'Z' && ppid === root.pid)?.pid;
  while (zombie() === undefined || readStat(root.pid)?.comm !== 'sleep') await tick();
  const pid = zombie() ?? 0;
  t.equal(readStat(pid)?.exitCode, 3 << 8);
  t.same(readMaps(pid), []);
  t.same(listFds(pid), []);
  t.same(readMountinfo(pid), []);
  const namespaces = readNamespaces(pid);
  t.ok(namespaces?.pid);
  t.equal(namespaces?.net, undefined);
});

t.test('a tree that forks without pause is read without an error', async (t) => {
  const root = await start(t, 'echo ready; while :; do (:) ; (: & wait) ; done');
  for (let i = 0; i < 50; i++) {
    t.equal(readTree(root.pid)[0]?.pid, root.pid);
    await tick();
  }
});

t.test('a root that is gone has no tree', async (t) => {
  const child = spawn('true');
  await once(child, 'exit');
  t.same(readTree(child.pid ?? 0), []);
  t.equal(readChildren(child.pid ?? 0), undefined);
  t.equal(childrenByParent(child.pid ?? 0), undefined);
});

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}
