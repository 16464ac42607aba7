// What the tree will miss when it runs here: old versions of those pages go, and whoever touches one waits until it has come. Who brings
// it: session.ts; who answers for it all: the keeper.
//
//   empty   before anything is applied, while the shells may still do what only root may: the pages go, a userfaultfd is made
//   guard   after everything is applied: from here on nothing of ours may touch what is missing, for it would wait for ever
import { closeSync, openSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { Mapping } from '../../images/memory.ts';
import { runsOfBytes } from '../../images/missing.ts';
import type { TreeState } from '../../images/state.ts';
import { type KeeperPostCopy, postCopyFeatures } from '../../kernel/keeper-post-copy.ts';
import { intersection, ownedRuns, pagesIn, runsOf, type PageRuns } from '../../kernel/page-runs.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import { ownedMethod } from '../../native-pages.ts';
import { advisePages, madvDontneed } from '../advise-pages.ts';
import type { Shell } from '../shell.ts';
import type { ShellTree } from '../shell-tree.ts';

/** PR_SET_THP_DISABLE: khugepaged would put huge pages full of zeros where pages are missing (mm/khugepaged.c, max_ptes_none). */
const prSetThpDisable = 41;
const oCloexec = 0o2000000;
const oNonblock = 0o4000;

interface EmptiedSpace {
  readonly shell: Shell;
  readonly uffd: number;
  readonly pages: PageRuns;
  readonly thpDisabled: boolean;
}

export class MissingMemory implements Disposable {
  readonly #spaces: readonly EmptiedSpace[];

  private constructor(spaces: readonly EmptiedSpace[]) {
    this.#spaces = spaces;
  }

  /**
   * Preconditions: the tree follows the final layout, all pages that were sent are written. @throws GodwitError PROTOCOL, REMOTE_CALL,
   * UNSUPPORTED
   */
  static empty(tree: ShellTree, { missing, processes }: TreeState): MissingMemory {
    const spaces: EmptiedSpace[] = [];
    try {
      for (const { space, runs } of missing) {
        const pages = runsOfBytes(runs);
        const thpDisabled = processes.find(({ pid }) => pid === space)?.thpDisabled === true;
        const shell = tree.shell(space);
        requireGuardable(shell, pages);
        spaces.push({ shell, pages, thpDisabled, uffd: openUserfaultfd(shell) });
        advisePages(shell, pages, madvDontneed);
      }
      return new MissingMemory(spaces);
    } catch (error) {
      for (const { uffd } of spaces) closeSync(uffd);
      throw error;
    }
  }

  /** The keeper answers for it from here on. @throws GodwitError KEEPER, SYSCALL: the migration cannot go on */
  guard(keeper: Pick<KeeperPostCopy, 'guard'>): void {
    for (const { shell, uffd, pages, thpDisabled } of this.#spaces) {
      for (const { start, end } of guardable(shell)) {
        if (!hasRunIn(pages, start, end)) continue;
        const error = native.uffdRegisterMissing(uffd, start, end - start);
        if (error < 0) throw cannot(shell, `its memory cannot be guarded by userfaultfd`, error);
      }
      requireEmpty(shell, pages);
      keeper.guard(shell.vpid, uffd, pages);
      const thp = new Program();
      thp.call('prctl', prSetThpDisable, Number(thpDisabled), 0, 0, 0);
      shell.run(thp);
    }
  }

  /** Our own copies: the keeper has its own. */
  [Symbol.dispose](): void {
    for (const { uffd } of this.#spaces) closeSync(uffd);
  }
}

/** What userfaultfd can guard and godwit lets come later: private memory of no file. */
function guardable({ mappings }: Shell): readonly Mapping[] {
  return mappings.filter(({ kind, shared, locked }) => kind === 'anonymous' && !shared && !locked);
}

/** Runs are ascending, and there may be hundreds of thousands. */
function hasRunIn({ runs, count }: PageRuns, start: number, end: number): boolean {
  let [low, high] = [0, count]; // the first that ends behind `start`
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[2 * middle] ?? 0) + (runs[2 * middle + 1] ?? 0) > start) high = middle;
    else low = middle + 1;
  }
  return low < count && (runs[2 * low] ?? 0) < end;
}

function requireGuardable(shell: Shell, pages: PageRuns): void {
  const ranges = runsOf(guardable(shell).toSorted((a, b) => a.start - b.start));
  if (pagesIn(intersection(pages, ranges)) === pagesIn(pages)) return;
  throw new GodwitError('PROTOCOL', `pages of ${shell.name} are to come later that cannot be guarded`);
}

/** Made by the shell, for it belongs to the address space of who makes it; not for user mode alone, as read(2) into it must wait, too. */
function openUserfaultfd(shell: Shell): number {
  const make = new Program();
  make.call('prctl', prSetThpDisable, 1, 0, 0, 0);
  const made = make.attempt('userfaultfd', oCloexec | oNonblock);
  const remote = shell.run(make).number(made);
  if (remote < 0) throw cannot(shell, 'it cannot make a userfaultfd', remote);
  const pidfd = native.pidfdOpen(shell.pid);
  const uffd = native.pidfdGetfd(pidfd, remote);
  native.closeFd(pidfd);
  const close = new Program();
  close.call('close', remote);
  shell.run(close);
  const error = uffd < 0 ? uffd : native.uffdApi(uffd, postCopyFeatures);
  if (error >= 0) return uffd;
  if (uffd >= 0) closeSync(uffd);
  throw cannot(shell, 'its userfaultfd cannot be used', error);
}

/** What has come back since the pages were given back is not the tree's: it would never get its own. */
function requireEmpty(shell: Shell, pages: PageRuns): void {
  const pagemap = openSync(`/proc/${shell.pid}/pagemap`, 'r');
  try {
    const there = ownedRuns(pagemap, pages, ownedMethod.classic);
    if (typeof there === 'number') throw cannot(shell, 'its memory cannot be looked at', there);
    if (there.count === 0) return;
    const address = `0x${(there.runs[0] ?? 0).toString(16)}`;
    throw new GodwitError(
      'SYSCALL',
      `the page at ${address} of ${shell.name} was to come later, and is there`,
    );
  } finally {
    closeSync(pagemap);
  }
}

function cannot(shell: Shell, what: string, errno: number): GodwitError {
  return new GodwitError('SYSCALL', `post-copy of ${shell.name}: ${what}: ${errnoName(errno)}`, {
    hint: 'run receive as root, or migrate without post-copy',
  });
}
