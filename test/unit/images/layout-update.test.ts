import t from 'tap';
import type { TreeLayout } from '../../../src/images/layout.ts';
import {
  changesNothing,
  layoutUpdateSchema,
  updated,
  updateOf,
  type LayoutUpdate,
} from '../../../src/images/layout-update.ts';
import type { Mapping } from '../../../src/images/memory.ts';

const mapping = (start: number): Mapping => ({
  start,
  end: start + 4096,
  protection: 3,
  shared: false,
  kind: 'anonymous',
  offset: 0,
  growsDown: false,
  noReserve: false,
  locked: false,
  lockOnFault: false,
  advice: [],
  writable: true,
});
const process = (pid: number, ppid: number): TreeLayout['processes'][number] => ({
  pid,
  ppid,
  pgid: 7,
  sid: 7,
  threads: [pid],
  exitSignal: 17,
  inherits: false,
});
const file = {
  path: '/bin/sh',
  size: 5,
  mtimeMs: 1.5,
  dev: 1n,
  ino: 2n,
  written: false,
  compare: 'content' as const,
  ownStorage: false,
};
const layout: TreeLayout = {
  root: 7,
  processes: [process(7, 0), process(8, 7)],
  spaces: [
    { id: 7, mappings: [mapping(4096), mapping(8192)] },
    { id: 8, mappings: [mapping(4096)] },
  ],
  files: [file],
  objects: [],
};
const over = (update: LayoutUpdate): LayoutUpdate => layoutUpdateSchema.parse(structuredClone(update));

void t.test('the first one is whole', async (t) => {
  const update = updateOf(undefined, layout);
  t.same(updated(undefined, over(update)), layout);
  t.equal(changesNothing(update), false);
});

void t.test('what is the same does not travel, whether it is the same object or looks like it', async (t) => {
  for (const now of [layout, structuredClone(layout)]) {
    const update = updateOf(layout, now);
    t.same(update, { root: 7, owners: [7, 8], spaces: [] });
    t.equal(changesNothing(update), true);
    const merged = updated(layout, over(update));
    t.same(merged, layout);
    t.equal(merged.files, layout.files, 'and stays the very same object');
    t.equal(merged.spaces[0]?.mappings, layout.spaces[0]?.mappings);
  }
});

void t.test('what differs travels whole, alone', async (t) => {
  const grown = { id: 8, mappings: [mapping(4096), mapping(16_384)] };
  const [first] = layout.spaces;
  if (first === undefined) throw new Error('no space');
  const cases: [string, TreeLayout, Partial<LayoutUpdate>][] = [
    ['a space', { ...layout, spaces: [first, grown] }, { spaces: [grown] }],
    ['a file', { ...layout, files: [{ ...file, ino: 3n }] }, { files: [{ ...file, ino: 3n }] }],
    ['a process', { ...layout, processes: [process(7, 0)], spaces: [first] }, { processes: [process(7, 0)] }],
    ['the order', { ...layout, spaces: layout.spaces.toReversed() }, {}],
  ];
  for (const [name, now, changes] of cases) {
    const update = updateOf(layout, now);
    const owners = now.spaces.map(({ id }) => id);
    t.same(update, { root: 7, owners, spaces: [], ...changes }, name);
    t.same(updated(layout, over(update)), now, name);
  }
});

void t.test('an update that leaves something open is refused', async (t) => {
  const nothing = updateOf(layout, layout);
  const space = { id: 9, mappings: [] };
  t.throws(() => updated(undefined, nothing), { code: 'PROTOCOL' });
  t.throws(() => updated(undefined, { ...nothing, owners: [] }), { message: /builds on none/ });
  t.throws(() => updated(layout, { ...nothing, owners: [7, 9] }), { message: /process 9 without/ });
  t.throws(() => updated(layout, { ...nothing, spaces: [space] }), { message: /process 9, which has none/ });
});
