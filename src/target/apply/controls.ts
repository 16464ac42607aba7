// Sets again what a program has set about itself by prctl(2) and membarrier(2).
import type { SpaceControls, ThreadControls } from '../../images/controls.ts';
import type { Program } from '../../kernel/program.ts';

// linux/prctl.h
const prSetTsc = 26;
const prMceKill = 33;
const prMceKillSet = 1;
const prSetSpeculationCtrl = 53;
const prSetMemoryMerge = 67;
const hostDefault = 2;
const tscFaults = 2;
const speculationIsControlled = 1; // PR_SPEC_PRCTL
/** PR_SPEC_DISABLE, _FORCE_DISABLE, _DISABLE_NOEXEC: what the bits of the answer say, and what the question wants. */
const speculationChoices = 0b11100;

/** MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, _PRIVATE_EXPEDITED, _PRIVATE_EXPEDITED_SYNC_CORE, _PRIVATE_EXPEDITED_RSEQ. */
const registrations = [2, 4, 6, 8].map((bit) => 1 << bit);

/** Steps of a thread's program, before its credentials. */
export function setThreadControls(
  program: Program,
  { machineCheckKill, timeStampCounter, speculation }: ThreadControls,
): void {
  if (machineCheckKill !== hostDefault)
    program.call('prctl', prMceKill, prMceKillSet, machineCheckKill, 0, 0);
  if (timeStampCounter === tscFaults) program.call('prctl', prSetTsc, tscFaults, 0, 0, 0);
  for (const [which, state] of speculation.entries()) {
    const choice = state & speculationChoices;
    // Attempted: a host whose CPU is not vulnerable has no such control, and needs none.
    if ((state & speculationIsControlled) !== 0 && choice !== 0)
      program.attempt('prctl', prSetSpeculationCtrl, which, choice, 0, 0);
  }
}

/**
 * Steps of a process's program. Where the source's kernel could not tell what was registered, everything is: a barrier that
 * was not asked for costs a little, one that fails breaks the program.
 */
export function setSpaceControls(program: Program, { membarrier, memoryMerge }: SpaceControls): void {
  for (const command of registrations) {
    if (membarrier === undefined) program.attempt('membarrier', command, 0, 0);
    else if ((membarrier & command) !== 0) program.call('membarrier', command, 0, 0);
  }
  // CAP_SYS_RESOURCE. It saves memory, and nothing depends on it.
  if (memoryMerge) program.attempt('prctl', prSetMemoryMerge, 1, 0, 0, 0);
}
