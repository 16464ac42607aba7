// What trackers share: the descriptor of one address space's page tables, which mappings they look at, and how a space
// ends. Descriptors of /proc/PID/pagemap stay with the old address space after exec, which is how exec shows.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { hugePageOf } from '../../kernel/huge-pages.ts';
import { pause } from '../../kernel/pause.ts';
import { errnoName } from '../../kernel/program.ts';
import type { Vma } from '../../kernel/proc/maps.ts';
import { native } from '../../native.ts';
import { pageSize } from '../../units.ts';
import { noRuns, pagesIn, runsOf, setOf } from '../../kernel/page-runs.ts';
import type { PageRuns } from '../../kernel/page-runs.ts';
import type { DirtyPages, GonePages } from './tracker.ts';

/** Special mappings: the target's kernel gives its own, and what is no memory (io_uring, uprobes) the check refuses. */
const kernelsOwn: ReadonlySet<string> = new Set(['vdso', 'vvar', 'vvar_vclock', 'vsyscall', 'other']);

/** Private mappings whose pages travel. */
export function isCarried(vma: Vma): boolean {
  return !vma.shared && !(vma.special !== undefined && kernelsOwn.has(vma.special));
}

/** All mappings, also those whose pages do not travel. The vsyscall page lies beyond what ranges can say. */
export function mappedRanges(vmas: readonly Vma[]): PageRuns {
  return runsOf(vmas.filter(({ special }) => special !== 'vsyscall'));
}

/** Carried mappings by how their pages are looked up: clean pages of files must be told apart only where there is a file. */
export interface CarriedRanges {
  readonly vmas: readonly Vma[];
  readonly all: PageRuns;
  readonly anonymous: PageRuns;
  readonly file: PageRuns;
  /** Those of the files that are reserved huge pages. */
  readonly huge: PageRuns;
}

export function carriedRanges(vmas: readonly Vma[]): CarriedRanges {
  const carried = vmas.filter(isCarried);
  return {
    vmas: carried,
    all: runsOf(carried),
    anonymous: runsOf(carried.filter((vma) => vma.inode === 0)),
    file: runsOf(carried.filter((vma) => vma.inode !== 0)),
    huge: runsOf(carried.filter((vma) => hugePageOf(vma) !== undefined)),
  };
}

/** New memory of execve(2) is nobody's to look at until the kernel has said whose it is (begin_new_exec: exec_mmap, set_dumpable). */
const accessTries = 20;

/** A file of the address space that the process has now; it stays with that one. @throws GodwitError NO_PROCESS, NO_RIGHTS */
export function openSpaceFile(pid: number, name: 'pagemap' | 'mem'): number {
  for (let tries = 1; ; tries++) {
    try {
      return openSync(`/proc/${pid}/${name}`, 'r');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      // ESRCH: it is on its way out, its memory is gone already.
      if (code === 'ENOENT' || code === 'ESRCH' || !isAlive(pid)) throw gone(pid, cause);
      if (tries < accessTries) {
        pause(1);
        continue;
      }
      throw new GodwitError('NO_RIGHTS', `/proc/${pid}/${name} cannot be opened`, {
        hint: 'run as root, or with CAP_SYS_PTRACE and CAP_DAC_OVERRIDE',
        cause,
      });
    }
  }
}

export function closeQuietly(fd: number): void {
  if (fd < 0) return;
  try {
    closeSync(fd);
  } catch {
    // Not open any more: that is what was wanted.
  }
}

/**
 * What a collection reports when its address space is not the process's any more.
 * @throws GodwitError NO_PROCESS, or SYSCALL when the space is still there and something else is wrong
 */
export function spaceEnded(pid: number, pagemapFd: number, errno: number): DirtyPages {
  if (isSpaceAlive(pagemapFd)) {
    const message = `the writes of process ${pid} cannot be tracked: ${errnoName(errno)}`;
    throw new GodwitError('SYSCALL', message, {
      hint: 'vm.max_map_count may be too low; or try --tracker compare',
    });
  }
  if (!isAlive(pid)) throw gone(pid);
  const none = { set: setOf(), ranges: noRuns };
  return { ...noRuns, pages: 0, gone: none, untracked: [], owed: 0, outside: false, replaced: true };
}

/** After exec, or the end of the process, the old descriptor reads nothing, wherever it is asked. */
export function isSpaceAlive(pagemapFd: number): boolean {
  return native.pagemapRead(pagemapFd, pageSize, 1, new BigUint64Array(1)) > 0;
}

export function dirtyPages(
  { runs, count }: PageRuns,
  gone: GonePages,
  rest: Partial<Pick<DirtyPages, 'untracked' | 'owed' | 'outside'>> = {},
): DirtyPages {
  const none = { untracked: [], owed: 0, outside: false };
  return { runs, count, pages: pagesIn({ runs, count }), gone, replaced: false, ...none, ...rest };
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const state = stat.charAt(stat.lastIndexOf(')') + 2);
    return state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

export function gone(pid: number, cause?: unknown): GodwitError {
  return new GodwitError('NO_PROCESS', `process ${pid} ended while its memory was read`, { cause });
}
