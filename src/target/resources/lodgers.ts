// Open files that no process has, because they are in flight: what only a process can do with them (`connect`) is done by one that has
// them for a moment, under numbers above its own.
import type { Descriptor, OpenFile } from '../../images/state.ts';
import { Program } from '../../kernel/program.ts';
import type { Runner } from './driver.ts';

const async = 0o20000;

interface Household {
  readonly pid: number;
  readonly descriptors: readonly Descriptor[];
}

/** The descriptors that the host is to have as well. */
export function lodgersOf(
  openFiles: readonly OpenFile[],
  processes: readonly Household[],
  host: Household,
): Descriptor[] {
  const housed = new Set(processes.flatMap(({ descriptors }) => descriptors.map(({ file }) => file)));
  const first = host.descriptors.reduce((highest, { fd }) => Math.max(highest, fd), 2) + 1;
  return openFiles
    .filter((file) => !housed.has(file.id) && wantsProcess(file))
    .map(({ id }, index) => ({ fd: first + index, file: id, closeOnExec: true }));
}

/**
 * Preconditions: the host has taken no record lock yet: closing any descriptor of a file drops those of the process
 * (fcntl_locking(2)).
 */
export function endLodging(runner: Runner, lodgers: readonly Descriptor[]): void {
  const [first, last] = [lodgers[0], lodgers.at(-1)];
  if (first === undefined || last === undefined) return;
  const program = new Program();
  program.call('close_range', first.fd, last.fd, 0);
  runner.run(program);
}

function wantsProcess({ flags, locks, owner, resource }: OpenFile): boolean {
  if (resource.kind === 'epoll' || resource.kind === 'inotify') return true;
  return locks?.readLease === true || owner !== undefined || (flags & async) !== 0;
}
