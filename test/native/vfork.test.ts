// Parents that wait in vfork, which nothing can stop: the freeze lets their children through; the survey names those that stay.
import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import t from 'tap';
import type { Test } from 'tap';
import { Fence } from '../../src/kernel/fence.ts';
import { readChildren } from '../../src/kernel/proc/children.ts';
import { readStat } from '../../src/kernel/proc/stat.ts';
import { readStatus } from '../../src/kernel/proc/status.ts';
import { survey } from '../../src/source/check.ts';
import { stopFrozen } from '../../src/source/freeze.ts';
import { sharers, share } from '../../src/source/sharing.ts';
import { Stopped } from '../../src/kernel/stopped.ts';
import { inVfork } from '../../src/source/survey-sharing.ts';
import { readSourceTree } from '../../src/source/tree.ts';
import { waitsInVfork, waitsInVforkFrozen } from '../../src/kernel/vfork-wait.ts';
import { sortSharers } from '../../src/source/vfork.ts';
import { until } from '../helpers/commands.ts';
import { newId, unlessFences } from '../helpers/keeper-bed.ts';
import { buildWorkload } from '../helpers/workloads.ts';

const skip = unlessFences();
const binary = skip === false ? await buildWorkload('spawns') : '';
const killed = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
};

const childrenOf = (pid: number): number[] | false => {
  const children = readChildren(pid) ?? [];
  return children.length > 0 && children;
};

interface Family {
  readonly parent: number;
  readonly child: number;
  /** Told by this, the child executes its program. */
  readonly stdin: Writable;
}

/** A parent that lends its memory to a child for so many milliseconds; negative: until that is killed. */
async function lend(t: Test, lasts: number | 'told'): Promise<Family> {
  // Not a child of this process: its stops would be taken by the event loop (libuv's waitpid), for a tracer gets those, too.
  const shell = spawn('sh', ['-c', 'exec 3<&0; "$0" lend "$1" <&3 & wait', binary, String(lasts)], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  t.teardown(() => {
    shell.kill('SIGKILL');
  });
  const [parent = 0] = await until('it is born', () => childrenOf(shell.pid ?? 0), 10_000, 1);
  t.teardown(() => {
    killed(parent);
  });
  await until('it waits in vfork', () => waitsInVfork(parent), 10_000, 1);
  const [child = 0] = childrenOf(parent) || [];
  t.teardown(() => {
    killed(child);
  });
  return { parent, child, stdin: shell.stdin };
}

const statesOf = ({ parent, child }: Family): string[] =>
  [parent, child].map((pid) => readStat(pid)?.state ?? '-');

void t.test(
  'a frozen parent in vfork is stopped when its child has executed a program',
  { skip },
  async (t) => {
    const family = await lend(t, 'told');
    const fence = Fence.around(newId(), [family.parent, family.child]);
    t.teardown(() => {
      fence.remove();
    });
    fence.freeze();
    t.ok(waitsInVforkFrozen(family.parent), 'the freezer takes it for frozen');
    family.stdin.write('x'); // heard when the fence is thawed for the child alone
    const stopped = new Stopped([]);
    stopFrozen(fence, stopped);
    fence.thaw();
    t.same(new Set(stopped.tids), new Set([family.parent, family.child]));
    t.same(statesOf(family), ['t', 't'], 'ptrace holds both');
    t.notOk(share('memory', family.parent, family.child), 'the child has executed its program');
    stopped[Symbol.dispose]();
    await until('they go on', () => statesOf(family).every((state) => state === 'S'), 5000, 5);
  },
);

void t.test(
  'a child that keeps the memory ends the attempt, and nobody is left standing',
  { skip },
  async (t) => {
    const family = await lend(t, -1);
    const fence = Fence.around(newId(), [family.parent, family.child]);
    t.teardown(() => {
      fence.remove();
    });
    fence.freeze();
    const stopped = new Stopped([]);
    t.throws(
      () => {
        stopFrozen(fence, stopped);
      },
      { code: 'TIMEOUT', message: new RegExp(`thread ${family.parent} waits in vfork`) },
    );
    stopped[Symbol.dispose]();
    fence.thaw();
    killed(family.child);
    const isFree = (): boolean =>
      readStat(family.parent)?.state === 'S' && readStatus(family.parent)?.tracerPid === 0;
    await until('the parent goes on', isFree, 5000, 5);
  },
);

void t.test('the survey names a vfork that lasts, and a flight leaves out its child', { skip }, async (t) => {
  const family = await lend(t, -1);
  const { blockers } = survey(family.parent, {
    tcpClose: false,
    skipInFlight: false,
    moves: [],
    keepConnections: 'address' as const,
    links: [],
    filePolicy: 'content',
    externals: [],
    pidNamespace: 'auto',
  });
  const named = blockers.find(({ reason }) => reason === inVfork);
  t.equal(named?.object, `processes ${family.parent} and ${family.child}`);
  const tree = readSourceTree(family.parent);
  t.same(
    tree.map(({ pid }) => pid),
    [family.parent, family.child],
  );
  const first = sortSharers(tree, new Map());
  t.same(
    first.processes.map(({ pid }) => pid),
    [family.parent],
  );
  const again = sortSharers(tree, first.suspects);
  t.same(
    again.processes.map(({ pid }) => pid),
    [family.parent],
    'its parent waits, so that it has the memory for a moment only',
  );
  t.equal(again.memoryOf.size, 0);
});

void t.test("a vfork that ends within a second stands in nobody's way", { skip }, async (t) => {
  const family = await lend(t, 300); // long enough for a busy machine to see it
  const { blockers } = survey(family.parent, {
    tcpClose: false,
    skipInFlight: false,
    moves: [],
    keepConnections: 'address' as const,
    links: [],
    filePolicy: 'content',
    externals: [],
    pidNamespace: 'auto',
  });
  t.notOk(blockers.some(({ reason }) => reason === inVfork));
});

void t.test('who shares is found in n log n comparisons', (t) => {
  const tables = Array.from({ length: 1000 }, (_, pid) => ({ pid, table: (pid * 7919) % 900 }));
  let compared = 0;
  const tableOf = (pid: number): number => tables[pid]?.table ?? 0;
  const pairs = sharers(tables, 'descriptors', (_, a, b) => {
    compared++;
    return Math.sign(tableOf(a) - tableOf(b)) === 0 ? 0 : tableOf(a) < tableOf(b) ? 1 : 2;
  });
  t.equal(pairs.length, 100);
  t.ok(pairs.every(([first, other]) => first.table === other.table && first.pid < other.pid));
  t.ok(compared < 1000 * 11, `${compared} comparisons`);
  t.end();
});
