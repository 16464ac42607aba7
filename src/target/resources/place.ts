// Brings the agent's descriptors into a process under the numbers that they had. Everything goes through numbers above all
// wanted ones, so that nothing stands in the way of anything.
import { GodwitError } from '../../errors.ts';
import type { Descriptor } from '../../images/state.ts';
import { Program } from '../../kernel/program.ts';
import type { Runner } from './driver.ts';

const cloexec = 0o2000000;
const rlimitNofile = 7;
/** Bytes of one program: scratch memory of shells holds some more. */
const enough = 64 * 1024;

export interface Placement {
  readonly vpid: number;
  readonly runner: Runner;
  /** Number of the agent's pidfd in the process, above everything. */
  readonly pidfd: number;
  /** A number that nobody uses, with another such below it and two above. */
  readonly free: number;
}

/** Preconditions: the process has no descriptor but the agent's pidfd. @throws GodwitError LIMIT, REMOTE_CALL */
export function placeDescriptors(
  vpid: number,
  runner: Runner,
  agentPidfd: number,
  descriptors: readonly Descriptor[],
  agentFdOf: (file: number) => number,
): Placement {
  const highest = descriptors.reduce((max, { fd }) => Math.max(max, fd), 2);
  const files = [...new Set(descriptors.map(({ file }) => file))];
  const pidfd = Math.max(highest, agentPidfd) + 1;
  const temporaryOf = new Map(files.map((file, index) => [file, pidfd + 1 + index]));
  const end = pidfd + 1 + files.length;
  raiseLimit(vpid, runner, end + spare);
  const steps: ((program: Program) => void)[] = [
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
  runSteps(runner, steps);
  return { vpid, runner, pidfd, free: pidfd + 2 };
}

/** Numbers that later steps use for a moment. */
const spare = 4;

function runSteps(runner: Runner, steps: readonly ((program: Program) => void)[]): void {
  let program = new Program();
  for (const step of steps) {
    step(program);
    if (program.size < enough) continue;
    runner.run(program);
    program = new Program();
  }
  if (program.length > 0) runner.run(program);
}

/** The soft limit goes to what is needed here; the process gets its own limits later. */
function raiseLimit(vpid: number, runner: Runner, needed: number): void {
  const probe = new Program();
  const now = probe.room(16);
  probe.call('prlimit64', 0, rlimitNofile, 0, now);
  const [soft = 0n, hard = 0n] = runner.run(probe).words(now);
  if (soft >= BigInt(needed)) return;
  const wantedHard = hard >= BigInt(needed) ? hard : BigInt(needed);
  const program = new Program();
  const result = program.attempt('prlimit64', 0, rlimitNofile, program.words(needed, wantedHard), 0);
  if (runner.run(program).result(result) === 0n) return;
  throw new GodwitError(
    'LIMIT',
    `process ${vpid} needs descriptor numbers up to ${needed}, its hard limit here is ${hard}`,
    {
      hint: 'start the agent on the target with a higher limit: ulimit -Hn, LimitNOFILE= of systemd',
    },
  );
}
