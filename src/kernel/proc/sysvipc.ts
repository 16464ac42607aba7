// /proc/sysvipc/{shm,sem,msg} (proc_sysvipc(5)): the System V objects of the reader's IPC namespace, one a line below a line
// of names. PIDs are those of the PID namespace of the mounted /proc. Columns have been added over time: they are read by name.
import { readFileSync } from 'node:fs';

export interface SysvRow {
  /** shmid, semid or msqid. */
  readonly id: number;
  readonly key: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Permissions, with SHM_DEST and SHM_LOCKED. */
  readonly mode: number;
  /** Every column by its name, as a number; `perms` is octal and stands in `mode`. */
  readonly columns: Readonly<Record<string, number>>;
}

export type SysvKind = 'shm' | 'sem' | 'msg';

/** All of them; empty where the kernel has no System V IPC. */
export function readSysv(kind: SysvKind): SysvRow[] {
  try {
    return parseSysv(readFileSync(`/proc/sysvipc/${kind}`, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function parseSysv(text: string): SysvRow[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const names = words(head);
  return lines.map((line) => {
    const texts = words(line);
    const columns = Object.fromEntries(names.map((name, i) => [name, Number(texts[i])]));
    const column = (name: string): number => columns[name] ?? 0;
    return {
      id: columns['shmid'] ?? columns['semid'] ?? column('msqid'),
      key: column('key'),
      uid: column('uid'),
      gid: column('gid'),
      cuid: column('cuid'),
      cgid: column('cgid'),
      mode: Number.parseInt(texts[names.indexOf('perms')] ?? '0', 8),
      columns,
    };
  });
}

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}
