// Shells on the real kernel: a tree of processes is built by hand-made layouts, and what /proc shows of it is compared.
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import type { ProcessLayout, TreeLayout } from '../../src/images/layout.ts';
import { readMaps } from '../../src/kernel/proc/maps.ts';
import { readStat } from '../../src/kernel/proc/stat.ts';
import { Program } from '../../src/kernel/program.ts';
import { native } from '../../src/native.ts';
import { runTogether } from '../../src/target/run-together.ts';
import { anonymous, freePids, identity, layoutOf, specials, startShellTree } from '../helpers/shell-bed.ts';

void t.test('shells look as their layouts say', { skip: process.getuid?.() !== 0 }, async (t) => {
  const { tree, root } = await startShellTree(t);
  const [child = 0, grandchild = 0, orphan = 0, thread = 0, deadGroup = 0] = freePids(5);
  const common = { exitSignal: 17, inherits: false };
  const rootLayout: ProcessLayout = { ...common, pid: root, ppid: 0, pgid: root, sid: root, threads: [root] };
  const mappings = [
    ...specials(0x7000_0000_0000),
    anonymous(0x1000_0000, 0x10_000, 3),
    anonymous(0x1001_0000, 0x4000, 1),
    anonymous(0x1002_0000, 0x2000, 0),
    { ...anonymous(0x2000_0000, 0x2000, 5), kind: 'file' as const, source: 0, offset: 0x1000 },
    { ...anonymous(0x3000_0000, 0x4000, 3), kind: 'object' as const, source: 7, shared: true },
    { ...anonymous(0x3100_0000, 0x1000, 3), kind: 'object' as const, source: 9, shared: true },
    { ...anonymous(0x4000_0000, 0x1000, 3), kind: 'aio' as const, shared: true, events: 1 },
    anonymous(0x7ffd_0000_0000, 0x2_1000, 3, { growsDown: true }),
  ].sort((a, b) => a.start - b.start);
  const objects: TreeLayout['objects'] = [
    { id: 7, kind: 'anonymous', size: 0x4000, name: '', seals: 0 },
    { id: 9, kind: 'memfd', size: 0x1000, name: 'shelf', seals: 1 },
  ];
  const ring = readAioRingSize();
  const withoutRing = mappings.filter(({ kind }) => kind !== 'aio' || ring === 0x1000);
  const first = layoutOf([rootLayout], withoutRing, { files: [identity('/bin/true')], objects });
  tree.follow(first);

  const lines = (readMaps(root) ?? []).filter((vma) => vma.special !== 'vsyscall');
  const shown = lines.filter((vma) => !vma.path.includes('godwit-scratch'));
  t.same(
    shown.map((vma) => [vma.start, vma.end, (vma.read ? 1 : 0) | (vma.write ? 2 : 0) | (vma.exec ? 4 : 0)]),
    withoutRing.map(({ start, end, kind, protection }) => [
      start,
      end,
      kind === 'vvar' || kind === 'vvar_vclock' ? 1 : protection,
    ]),
    'every mapping stands where it should',
  );
  t.same(
    shown.filter(({ path }) => path !== '' && !path.startsWith('[')).map(({ path }) => path),
    ['/usr/bin/true', '/dev/zero', '/memfd:shelf', ...(ring === 0x1000 ? ['/[aio]'] : [])],
    'files and shared memory have their names',
  );

  const kids: ProcessLayout[] = [
    { ...rootLayout, threads: [root, thread] },
    { ...common, pid: child, ppid: root, pgid: child, sid: root, threads: [child] },
    { ...common, pid: grandchild, ppid: child, pgid: deadGroup, sid: root, threads: [grandchild] },
    { ...common, pid: orphan, ppid: child, pgid: orphan, sid: orphan, threads: [orphan] },
  ];
  const shell = tree.shell(root);
  const data = Buffer.alloc(4096, 'kept by inheritance');
  native.writeMemory(root, Float64Array.of(0x1000_0000, data.length), 1, data);
  const changed = withoutRing
    .filter(({ start }) => start !== 0x1002_0000)
    .map((mapping) => (mapping.start === 0x1000_0000 ? { ...mapping, protection: 1 } : mapping));
  tree.follow({ ...layoutOf(kids, changed, { files: first.files, objects }) });
  t.same(
    [child, grandchild, orphan].map((pid) => {
      const { ppid, pgid, sid } = stat(pid);
      return [ppid, pgid, sid];
    }),
    [
      [root, child, root],
      [child, deadGroup, root],
      [child, orphan, orphan],
    ],
    'parents, groups with dead leaders and sessions are as wanted',
  );
  const said = new Map<number, number>();
  const askAll = (unwilling?: number): void => {
    runTogether(
      [root, child, grandchild, orphan].map((pid) => ({
        shell: tree.shell(pid),
        build: (program) => {
          const own = program.call('getpid');
          if (pid === unwilling) program.call('close', 9999);
          return (outcome) => {
            said.set(pid, outcome.number(own));
          };
        },
      })),
    );
  };
  askAll();
  t.same(
    [...said],
    [root, child, grandchild, orphan].map((pid) => [pid, pid]),
    'programs that run at once answer each for its own shell',
  );
  t.throws(
    () => {
      askAll(grandchild);
    },
    { code: 'REMOTE_CALL', message: new RegExp(`process ${grandchild}: close\\(9999\\).*EBADF`) },
    'one that fails is told by name',
  );
  t.doesNotThrow(() => {
    askAll();
  }, 'after all of them have ended');
  t.equal(existsSync(`/proc/${deadGroup}`), false, 'the helper that stood in for a dead leader is gone');
  t.same([...shell.tids.keys()], [root, thread], 'the thread has its TID');
  t.ok(existsSync(`/proc/${root}/task/${thread}`), 'the kernel shows it under that TID');
  t.notOk(
    readMaps(root)?.some((vma) => vma.start === 0x1002_0000),
    'what vanished from the layout is unmapped',
  );
  const back = Buffer.alloc(data.length);
  native.readMemory(root, Float64Array.of(0x1000_0000, data.length), 1, back);
  t.ok(back.equals(data), 'a change of protection keeps content');
  native.readMemory(child, Float64Array.of(0x1000_0000, data.length), 1, back);
  t.equal(back[0], 0, 'a child that inherits nothing starts empty');

  const [late = 0] = freePids(1);
  const heir: ProcessLayout = {
    ...common,
    pid: late,
    ppid: root,
    pgid: root,
    sid: root,
    threads: [late],
    inherits: true,
  };
  tree.follow(layoutOf([rootLayout, heir], changed, { files: first.files, objects }));
  native.readMemory(late, Float64Array.of(0x1000_0000, data.length), 1, back);
  t.ok(back.equals(data), 'a child that inherits has the pages of its parent');
  t.same(
    [child, grandchild, orphan].map((pid) => existsSync(`/proc/${pid}`)),
    [false, false, false],
    'processes that vanished from the layout are gone, and their PIDs are free',
  );
  t.equal(existsSync(`/proc/${root}/task/${thread}`), false, 'so is the thread');

  const scratchAt = shell.scratch.address;
  tree.follow(
    layoutOf([rootLayout, heir], [...changed, anonymous(scratchAt, 0x1000, 3)], {
      files: first.files,
      objects,
    }),
  );
  t.not(shell.scratch.address, scratchAt, 'scratch memory gives way to a mapping of the tree');
  const program = new Program();
  const pid = program.call('getpid');
  t.equal(tree.shell(late).run(program).number(pid), late, 'and programs run as before');
});

void t.test('an ID that is taken', { skip: process.getuid?.() !== 0 }, async (t) => {
  const { tree, root } = await startShellTree(t);
  const [thread = 0, next = 0, orphan = 0] = freePids(3);
  const common = { exitSignal: 17, inherits: false };
  const alone: ProcessLayout = { ...common, pid: root, ppid: 0, pgid: root, sid: root, threads: [root] };
  const mappings = specials(0x7000_0000_0000);
  tree.follow(layoutOf([alone], mappings));
  t.throws(
    () => {
      tree.follow(layoutOf([{ ...alone, threads: [root, thread, process.pid, next] }], mappings));
    },
    { code: 'PID_TAKEN', message: new RegExp(`in use on the target \\(one of ${thread}, ${process.pid}`) },
    'is told',
  );
  t.same([...tree.shell(root).tids.keys()], [root, thread, next], 'the threads that were born are known');
  const stray: ProcessLayout = {
    ...alone,
    pid: process.pid,
    pgid: orphan,
    sid: orphan,
    threads: [process.pid],
  };
  t.throws(
    () => {
      tree.follow(layoutOf([alone, stray], mappings));
    },
    { code: 'PID_TAKEN' },
    'also when it is a process without a parent',
  );
  const children = readFileSync(`/proc/${root}/task/${root}/children`, 'utf8').trim();
  t.equal(children, '', 'whoever helped at its birth is gone');
  tree.destroy();
  t.equal(existsSync(`/proc/${root}`), false, 'all of it ends');
});

function stat(pid: number): { ppid: number; pgid: number; sid: number } {
  const found = readStat(pid);
  if (found === undefined) throw new Error(`no process ${pid}`);
  return { ppid: found.ppid, pgid: found.pgrp, sid: found.session };
}

/** Bytes of the ring of io_setup(1): it depends on the number of possible CPUs. */
function readAioRingSize(): number {
  const possible = readFileSync('/sys/devices/system/cpu/possible', 'latin1').trim();
  const cpus = Number(possible.split('-').at(-1)) + 1;
  const events = Math.max(1, cpus * 4) * 2 + 2;
  return Math.ceil((32 + events * 32) / 4096) * 4096;
}
