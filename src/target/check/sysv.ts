// System V objects are known by their IDs, in all of the host's IPC namespace: the IDs and keys must be free here, and the kernel must
// let us choose them.
import { accessSync, constants, readFileSync } from 'node:fs';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { readSysv } from '../../kernel/proc/sysvipc.ts';
import { hasCapability } from '../../kernel/rights.ts';
import { nextIdPath } from '../sysv/make.ts';
import { blocker } from './blocker.ts';

type Wanted = Requirements['sysv'][number];

/** An ID is a place in a table of this many entries and a count of how often that place was used (IPCMNI in ipc/util.h). */
const tableLength = 32_768;
const words = { shm: 'segment', sem: 'semaphore set', msg: 'message queue' } as const;
const options = { shm: '-m', sem: '-s', msg: '-q' } as const;

export function checkSysv({ sysv }: Pick<Requirements, 'sysv'>): Blocker[] {
  return sysv.flatMap((wanted) => {
    const object = `System V ${words[wanted.kind]} ${wanted.id}`;
    const [reason, remedy] = problemOf(wanted) ?? [];
    return reason === undefined ? [] : [blocker(object, reason, remedy ?? '')];
  });
}

function problemOf({
  kind,
  id,
  key,
  owners,
  room = 0,
}: Wanted): [reason: string, remedy: string] | undefined {
  try {
    accessSync(nextIdPath(kind), constants.W_OK);
  } catch {
    return [
      `this host does not let receive choose its ID (${nextIdPath(kind)})`,
      'run receive as root, or with CAP_CHECKPOINT_RESTORE; the kernel needs CONFIG_CHECKPOINT_RESTORE',
    ];
  }
  const rows = readSysv(kind);
  const remove = (taken: number): string => `remove it, if nobody needs it (ipcrm ${options[kind]} ${taken})`;
  const sameId = rows.find((row) => row.id % tableLength === id % tableLength);
  if (sameId !== undefined) return [`its ID is taken here by number ${sameId.id}`, remove(sameId.id)];
  const sameKey = key === 0 ? undefined : rows.find((row) => row.key === key);
  if (sameKey !== undefined)
    return [
      `its key 0x${(key >>> 0).toString(16)} is taken here by number ${sameKey.id}`,
      remove(sameKey.id),
    ];
  const most = room === 0 ? 0 : Number(readFileSync('/proc/sys/kernel/msgmnb', 'latin1'));
  if (room > most && !hasCapability('sysResource')) {
    const remedy = `sysctl kernel.msgmnb=${room} on the target, or run receive with CAP_SYS_RESOURCE`;
    return [`it may hold ${room} bytes, and a queue of this host only ${most}`, remedy];
  }
  const self = process.geteuid?.() ?? 0;
  const other = owners.find((owner) => owner !== self);
  if (self === 0 || other === undefined) return undefined;
  return [`it belongs to user ${other}, and receive runs as user ${self}`, 'run receive as root'];
}
