// System V objects that the target makes: with the ID and the creator of the source's, and gone when the migration is given up.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { Keeper } from '../../src/kernel/keeper.ts';
import { runLocal } from '../../src/kernel/local-program.ts';
import type { Program } from '../../src/kernel/program.ts';
import { readSysv } from '../../src/kernel/proc/sysvipc.ts';
import { checkSysv } from '../../src/target/check/sysv.ts';
import { makeSysv, removeSysv, type SysvKind, type SysvUndo } from '../../src/target/sysv/make.ts';
import { newId, nothingLeft, ownFolders, unlessFences } from '../helpers/keeper-bed.ts';

const folders = ownFolders();
const skip = unlessFences();
t.after(folders.remove);
t.afterEach(() => {
  for (const kind of kinds) if (row(kind) !== undefined) removeSysv(kind, freeId(kind), run);
});

const run = (program: Program): ReturnType<typeof runLocal> => runLocal(program);
const kinds: readonly SysvKind[] = ['shm', 'sem', 'msg'];
/** Nobody on this host has these: an unlikely place of the table, used for the 40,000th time. */
const freeId = (kind: SysvKind): number =>
  40_000 * 32_768 + 31_000 + kinds.indexOf(kind) + (process.pid % 500) * 3;
const permissions = (kind: SysvKind, key = 0x0f00_0000 + process.pid) => {
  return { id: freeId(kind), key, uid: 0, gid: 0, cuid: 12, cgid: 34, mode: 0o600 };
};
const row = (kind: SysvKind) => readSysv(kind).find(({ id }) => id === freeId(kind));

function undoBy(keeper: Keeper): SysvUndo {
  return {
    announce: (object) => keeper.undoSysv(object),
    drop: (number) => {
      keeper.drop(number);
    },
  };
}

for (const kind of kinds) {
  t.test(`${kind}: made with its ID and creator, and gone when the target gives up`, { skip }, async (t) => {
    const id = newId();
    const keeper = await Keeper.start({ role: 'target', id });
    makeSysv({ kind, permissions: permissions(kind), size: 3 }, run, undoBy(keeper));
    t.match(row(kind), { key: permissions(kind).key, cuid: 12, cgid: 34, mode: 0o600 });
    t.equal(process.geteuid?.(), 0, 'the agent is who it was');
    t.match(readFileSync('/proc/self/status', 'latin1'), /^Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0$/m);

    t.throws(() => makeSysv({ kind, permissions: permissions(kind), size: 3 }, run, undoBy(keeper)), {
      code: 'REFUSED',
    });
    const wanted = { kind, id: freeId(kind), key: 0, owners: [0] };
    t.match(checkSysv({ sysv: [wanted] }), [{ reason: /its ID is taken here/ }]);
    const sameKey = { kind, id: freeId(kind) + 7, key: permissions(kind).key, owners: [0] };
    t.match(checkSysv({ sysv: [sameKey] }), [{ reason: /its key .* is taken here/ }]);

    await keeper.abort();
    await keeper.close();
    await nothingLeft(id);
    t.equal(row(kind), undefined);
    t.strictSame(checkSysv({ sysv: [sameKey] }), []);
  });

  t.test(`${kind}: what somebody else has made meanwhile stays`, { skip }, async (t) => {
    const id = newId();
    const keeper = await Keeper.start({ role: 'target', id });
    keeper.undoSysv({ kind, id: freeId(kind), key: 5 });
    makeSysv({ kind, permissions: permissions(kind), size: 3 }, run, {
      announce: () => 0,
      drop: () => undefined,
    });
    await keeper.abort();
    await keeper.close();
    await nothingLeft(id);
    t.ok(row(kind));
    removeSysv(kind, freeId(kind), run);
    t.equal(row(kind), undefined);
  });
}
