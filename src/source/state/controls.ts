// Reads what a program has set about itself by prctl(2) and membarrier(2): steps of a program that runs anyway, and what they
// have found.
import type { SpaceControls, ThreadControls } from '../../images/controls.ts';
import type { Outcome, Program } from '../../kernel/program.ts';

// linux/prctl.h
const prGetTsc = 25;
const prMceKillGet = 34;
const prGetSpeculationCtrl = 52;
const prGetMemoryMerge = 68;
const speculations = [0, 1, 2]; // PR_SPEC_STORE_BYPASS, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_L1D_FLUSH
/** MEMBARRIER_CMD_GET_REGISTRATIONS, linux/membarrier.h (Linux 6.3). */
const getRegistrations = 1 << 9;
const hostDefault = 2;

/** Adds the questions to a thread's program. The result decodes the answers. */
export function askThreadControls(program: Program): (outcome: Outcome) => ThreadControls {
  const machineCheckKill = program.attempt('prctl', prMceKillGet, 0, 0, 0, 0);
  const tsc = program.room(8);
  program.attempt('prctl', prGetTsc, tsc, 0, 0, 0);
  const speculation = speculations.map((which) =>
    program.attempt('prctl', prGetSpeculationCtrl, which, 0, 0, 0),
  );
  return (outcome) => {
    const policy = outcome.number(machineCheckKill);
    return {
      machineCheckKill: policy < 0 ? hostDefault : policy, // EINVAL: CONFIG_MEMORY_FAILURE is off
      timeStampCounter: outcome.view(tsc).getInt32(0, true),
      speculation: speculation.map((result) => Math.max(0, outcome.number(result))),
    };
  };
}

/** Adds the questions to a process's program. The result decodes the answers. */
export function askSpaceControls(program: Program): (outcome: Outcome) => SpaceControls {
  const registrations = program.attempt('membarrier', getRegistrations, 0, 0);
  const merge = program.attempt('prctl', prGetMemoryMerge, 0, 0, 0, 0);
  return (outcome) => {
    const registered = outcome.number(registrations);
    return {
      ...(registered < 0 ? {} : { membarrier: registered }),
      memoryMerge: outcome.number(merge) > 0,
    };
  };
}
