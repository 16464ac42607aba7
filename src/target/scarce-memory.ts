// A host whose memory ends while a tree arrives. The kernel kills somebody then: better a shell, which is a copy, than this agent, which can tell
// the source why it failed. And what fails then, fails in a hundred ways: the reason is the kernel's count of those it has killed.
import { readFileSync, writeFileSync } from 'node:fs';
import { asGodwitError, GodwitError } from '../errors.ts';

/** proc(5): from -1000, never killed, to 1000. */
const first = 1000;

/** Of those of a memory cgroup, or of this host, it is killed first; and so are the shells that it bears. */
export function dieFirst(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(first));
  } catch {
    // Then the kernel chooses by size.
  }
}

export class ScarceMemory {
  readonly #killed = oomKills();

  /** What a failure comes from, if somebody was killed for lack of memory since this was made. */
  explain(error: unknown): GodwitError {
    const known = asGodwitError(error);
    const mayFollow = ['NO_PROCESS', 'SYSCALL', 'REMOTE_CALL', 'KEEPER'].includes(known.code);
    if (!mayFollow || oomKills() <= this.#killed) return known;
    return new GodwitError(
      'NO_SPACE',
      `the target ran out of memory while the tree arrived: its kernel has killed processes (${known.message})`,
      { cause: error, hint: 'free memory there, or raise the memory limit that receive runs under' },
    );
  }
}

/** Processes that the kernel has killed for lack of memory since it started, in whatever cgroup (Linux 4.13). */
export function oomKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1'))?.[1] ?? 0);
}
