// Who has a pseudoterminal, for a refusal that the operator can act on.
import { readdirSync } from 'node:fs';
import { readComm } from '../kernel/proc/comm.ts';
import { readProcLink, readProcNumbers, readProcText } from '../kernel/proc/read-proc.ts';

export interface Holder {
  readonly pid: number;
  readonly comm: string;
}

/** The first process that has an end of the pair, of any devpts; undefined: nobody whom this user may look at. */
export function holderOf(number: number): Holder | undefined {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  const pid = pids.find((one) => one !== process.pid && hasEnd(one, number));
  return pid === undefined ? undefined : { pid, comm: readComm(pid) ?? '?' };
}

function hasEnd(pid: number, number: number): boolean {
  try {
    return (readProcNumbers(pid, 'fd') ?? []).some((fd) => {
      const link = readProcLink(pid, `fd/${fd}`);
      if (link?.endsWith('/ptmx') !== true) return link?.endsWith(`/pts/${number}`) ?? false;
      return readProcText(pid, `fdinfo/${fd}`)?.includes(`tty-index:\t${number}\n`) ?? false;
    });
  } catch {
    return false; // not ours to look at
  }
}
