// What /proc shows of an address space beyond its mappings: prctl(PR_SET_MM, PR_SET_MM_MAP), Linux 3.18. It needs no
// CAP_SYS_RESOURCE, and the executable can be exchanged once nothing of the old one is mapped.
import type { MmFields } from '../../images/memory.ts';
import type { Program } from '../../kernel/program.ts';
import type { Shell } from '../shell.ts';

const cloexec = 0o2000000;
const prSetMm = 35;
const prSetMmMap = 14;

/** `executable`: the agent's descriptor. */
export function setMemoryFields(program: Program, shell: Shell, mm: MmFields, executable: number): void {
  // A number that is known beforehand, and nobody's: a structure cannot hold the result of a call.
  const exeFd = shell.agentPidfd - 1;
  const got = program.call('pidfd_getfd', shell.agentPidfd, executable, 0);
  program.call('dup3', got, exeFd, cloexec);
  program.call('close', got);
  const auxv = shell.scratch.place(mm.auxv);
  // struct prctl_mm_map: eleven addresses, auxv, then auxv_size and exe_fd as u32.
  const map = program.words(
    mm.startCode, mm.endCode, mm.startData, mm.endData, mm.startBrk, mm.brk, mm.startStack,
    mm.argStart, mm.argEnd, mm.envStart, mm.envEnd, auxv, BigInt(mm.auxv.length) | (BigInt(exeFd) << 32n),
  ); // prettier-ignore
  program.call('prctl', prSetMm, prSetMmMap, map, 104, 0);
  program.call('close', exeFd);
}
