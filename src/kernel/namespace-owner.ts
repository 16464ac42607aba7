// Which user namespace a namespace belongs to (ioctl_ns(2), Linux 4.9): who has a capability there has it over it.
import { closeSync, fstatSync, openSync } from 'node:fs';
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

const nsGetUserns = 0xb701;

/** Inode of the user namespace; undefined: it is out of reach (EPERM), or the process is gone. */
export function ownerOfNamespace(pid: number | 'self', kind: 'net'): number | undefined {
  let fd = -1;
  try {
    fd = openSync(`/proc/${pid}/ns/${kind}`, 'r');
    const program = new Program();
    const asked = program.attempt('ioctl', fd, nsGetUserns, 0);
    const owner = runLocal(program).number(asked);
    if (owner < 0) return undefined;
    const { ino } = fstatSync(owner);
    closeSync(owner);
    return ino;
  } catch {
    return undefined;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
