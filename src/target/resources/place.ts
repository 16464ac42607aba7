// Brings the agent's descriptors into processes under the numbers that they had. Everything goes through numbers above all
// wanted ones, so that nothing stands in the way of anything.
import { GodwitError } from '../../errors.ts';
import type { Descriptor } from '../../images/state.ts';
import type { Outcome, Program } from '../../kernel/program.ts';
import type { Runner } from './driver.ts';

const cloexec = 0o2000000;
const rlimitNofile = 7;
/** Of at most three calls: 64 KiB, and scratch memory of shells holds some more. */
const stepsPerProgram = 340;

export interface Placement {
  readonly vpid: number;
  readonly runner: Runner;
  /** Number of the agent's pidfd in the process, above everything. */
  readonly pidfd: number;
  /** A number that nobody uses, with another such below it and two above. */
  readonly free: number;
}

/** One for a process that has nothing to do with the others'. Returns who wants to know the outcome. */
export interface PlaceErrand {
  readonly vpid: number;
  readonly build: (program: Program) => ((outcome: Outcome) => void) | undefined;
}

/** How errands are run: in any order, or at once. */
export type Together = (errands: readonly PlaceErrand[]) => void;

interface Plan extends Placement {
  /** First number above all that are used. */
  readonly end: number;
  readonly steps: readonly Step[];
}

type Step = (program: Program) => void;

/** Preconditions: no process has a descriptor but the agent's pidfd. @throws GodwitError LIMIT, REMOTE_CALL */
export function placeDescriptors(
  processes: readonly { readonly pid: number; readonly descriptors: readonly Descriptor[] }[],
  runnerOf: (vpid: number) => Runner,
  agentPidfd: number,
  agentFdOf: (file: number) => number,
  together: Together,
): Placement[] {
  const plans = processes.map(({ pid, descriptors }) =>
    planOf(pid, runnerOf(pid), agentPidfd, descriptors, agentFdOf),
  );
  raiseLimits(plans, together);
  const programs = plans.map(({ vpid, steps }) => ({ vpid, pieces: piecesOf(steps) }));
  const longest = Math.max(0, ...programs.map(({ pieces }) => pieces.length));
  for (let i = 0; i < longest; i++) {
    together(
      programs.flatMap(({ vpid, pieces }) => {
        const piece = pieces[i];
        return piece === undefined ? [] : [{ vpid, build: piece }];
      }),
    );
  }
  return plans;
}

function planOf(
  vpid: number,
  runner: Runner,
  agentPidfd: number,
  descriptors: readonly Descriptor[],
  agentFdOf: (file: number) => number,
): Plan {
  const highest = descriptors.reduce((max, { fd }) => Math.max(max, fd), 2);
  const files = [...new Set(descriptors.map(({ file }) => file))];
  const pidfd = Math.max(highest, agentPidfd) + 1;
  const temporaryOf = new Map(files.map((file, index) => [file, pidfd + 1 + index]));
  const end = pidfd + 1 + files.length;
  const steps: Step[] = [
    (program) => {
      program.call('dup3', agentPidfd, pidfd, cloexec);
      program.call('close', agentPidfd);
    },
    ...files.map((file) => (program: Program) => {
      const got = program.call('pidfd_getfd', pidfd, agentFdOf(file), 0);
      program.call('dup3', got, temporaryOf.get(file) ?? -1, cloexec);
      program.call('close', got);
    }),
    ...descriptors.map(({ fd, file, closeOnExec }) => (program: Program) => {
      program.call('dup3', temporaryOf.get(file) ?? -1, fd, closeOnExec ? cloexec : 0);
    }),
  ];
  if (files.length > 0) steps.push((program) => void program.call('close_range', pidfd + 1, end - 1, 0));
  return { vpid, runner, pidfd, free: pidfd + 2, end, steps };
}

/** Numbers that later steps use for a moment. */
const spare = 4;

/** As many steps as one program holds. */
function piecesOf(steps: readonly Step[]): PlaceErrand['build'][] {
  const pieces: PlaceErrand['build'][] = [];
  for (let from = 0; from < steps.length; from += stepsPerProgram) {
    const piece = steps.slice(from, from + stepsPerProgram);
    pieces.push((program) => {
      for (const step of piece) step(program);
      return undefined;
    });
  }
  return pieces;
}

/** The soft limit goes to what is needed here; the process gets its own limits later. */
function raiseLimits(plans: readonly Plan[], together: Together): void {
  const low: { readonly plan: Plan; readonly hard: bigint }[] = [];
  together(
    plans.map((plan) => ({
      vpid: plan.vpid,
      build: (program) => {
        const now = program.room(16);
        program.call('prlimit64', 0, rlimitNofile, 0, now);
        return (outcome) => {
          const [soft = 0n, hard = 0n] = outcome.words(now);
          if (soft < BigInt(plan.end + spare)) low.push({ plan, hard });
        };
      },
    })),
  );
  together(
    low.map(({ plan: { vpid, end }, hard }) => ({
      vpid,
      build: (program) => {
        const needed = end + spare;
        const wantedHard = hard >= BigInt(needed) ? hard : BigInt(needed);
        const result = program.attempt('prlimit64', 0, rlimitNofile, program.words(needed, wantedHard), 0);
        return (outcome) => {
          if (outcome.result(result) === 0n) return;
          throw new GodwitError(
            'LIMIT',
            `process ${vpid} needs descriptor numbers up to ${needed}, its hard limit here is ${hard}`,
            {
              hint: 'start the agent on the target with a higher limit: ulimit -Hn, LimitNOFILE= of systemd',
            },
          );
        };
      },
    })),
  );
}
