// Makes System V objects with the IDs that the tree knows them by: whoever may write /proc/sys/kernel/{shm,sem,msg}_next_id says which
// ID the next one gets (sysctl documentation, CONFIG_CHECKPOINT_RESTORE).
import { writeFileSync } from 'node:fs';
import { asGodwitError, GodwitError } from '../../errors.ts';
import type { SysvPermissions } from '../../images/sysv.ts';
import { hugeSizeFlag } from '../../kernel/huge-pages.ts';
import type { SysvObject } from '../../kernel/undo-orders.ts';
import { errnoName, Program, type Outcome, type Result } from '../../kernel/program.ts';

export type SysvKind = SysvObject['kind'];

/** Where a program runs: in the agent, or in the shell of the process that is to be its creator. */
export type Runner = (program: Program) => Outcome;

/** The way back, should this agent die: the keeper's undo list. */
export interface SysvUndo {
  /** Before the object is made. @throws GodwitError KEEPER: there is one with its ID */
  announce(object: SysvObject): number;
  drop(number: number): void;
}

/** IPC_CREAT | IPC_EXCL. */
const create = 0o3000;
/** Until all is there nobody else is to use it. */
const ownMode = 0o600;
const ipcRmid = 0;
const shmHugetlb = 0o4000;
const prGetDumpable = 3;
const prSetDumpable = 4;
const prSetPdeathsig = 1;
const prGetPdeathsig = 2;
const controls = { shm: 'shmctl', sem: 'semctl', msg: 'msgctl' } as const;

export function nextIdPath(kind: SysvKind): string {
  return `/proc/sys/kernel/${kind}_next_id`;
}

export interface Wanted {
  readonly kind: SysvKind;
  readonly permissions: SysvPermissions;
  /** Bytes of a segment, semaphores of a set. */
  readonly size: number;
  /** Bytes of the huge pages that a segment is made of; absent for ordinary ones. */
  readonly hugePage?: number | undefined;
}

/** Makes the object, readable for its owner only. Returns its number on the undo list. @throws GodwitError REFUSED, REMOTE_CALL */
export function makeSysv(wanted: Wanted, run: Runner, undo: SysvUndo): number {
  const { id } = wanted.permissions;
  const { kind } = wanted;
  const object = { kind, id, key: wanted.permissions.key };
  let number: number;
  try {
    number = undo.announce(object);
  } catch (cause) {
    throw taken(wanted, asGodwitError(cause).message, cause);
  }
  try {
    // Another process of this host may take the very next one: then it is asked for once more.
    for (let tries = 1; ; tries++) {
      writeFileSync(nextIdPath(kind), String(id));
      const got = makeAs(wanted, run);
      if (got === id) return number;
      if (got < 0) throw taken(wanted, errnoName(got));
      removeSysv(kind, got, run);
      if (tries === 3) throw taken(wanted, `the kernel gave ${got}`);
    }
  } catch (error) {
    undo.drop(number);
    throw error;
  }
}

export function removeSysv(kind: SysvKind, id: number, run: Runner): void {
  const program = new Program();
  if (kind === 'sem') program.attempt('semctl', id, 0, ipcRmid, 0);
  else program.attempt(controls[kind], id, ipcRmid, 0);
  run(program);
}

/** The creator's user and group are those of whoever makes it, for good. Returns the ID or a negative errno. */
function makeAs({ kind, permissions: { key, cuid, cgid }, size, hugePage }: Wanted, run: Runner): number {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const isOwn = uid === cuid && gid === cgid;
  const before = new Program();
  const room = before.room(8);
  if (!isOwn) before.call('prctl', prGetPdeathsig, room);
  // A change of user takes both of them away (commit_creds in kernel/cred.c).
  const deathSignal = isOwn ? 0 : run(before).view(room).getUint32(0, true);
  const program = new Program();
  const dumpable = program.attempt('prctl', prGetDumpable);
  if (gid !== cgid) program.attempt('setresgid', -1, cgid, -1);
  if (uid !== cuid) program.attempt('setresuid', -1, cuid, -1);
  const made = creating(program, kind, key, size, hugePage);
  if (uid !== cuid) program.attempt('setresuid', -1, uid, -1);
  if (gid !== cgid) program.attempt('setresgid', -1, gid, -1);
  if (!isOwn) {
    program.attempt('prctl', prSetDumpable, dumpable);
    program.attempt('prctl', prSetPdeathsig, deathSignal);
  }
  return run(program).number(made);
}

function creating(program: Program, kind: SysvKind, key: number, size: number, hugePage?: number): Result {
  const flags = create | ownMode;
  const pages = hugePage === undefined ? 0 : shmHugetlb | hugeSizeFlag(hugePage);
  if (kind === 'shm') return program.attempt('shmget', key, size, flags | pages);
  if (kind === 'sem') return program.attempt('semget', key, size, flags);
  return program.attempt('msgget', key, flags);
}

function taken({ kind, permissions: { id, key } }: Wanted, why: string, cause?: unknown): GodwitError {
  return new GodwitError(
    'REFUSED',
    `System V ${kind} object ${id} (key ${key}) cannot be made here: ${why}`,
    {
      hint: 'its ID or key is taken, or a limit is reached: see ipcs and ipcs -l on the target',
      cause,
    },
  );
}
