// epoll(7): what is watched, under which number, for what. fdinfo tells number, events, data and inode of each watch; the
// key of a watch is (file, number), and the file may be closed or renumbered in the process since.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import type { EpollTarget } from '../../kernel/proc/fdinfo.ts';
import type { DriverContext, Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup, SeenFile } from './seen-file.ts';

const kcmpEpollTfd = 7; // Linux 4.13

interface Watch {
  readonly seen: EpollTarget;
  /** Which of the watches with the same number it is: struct kcmp_epoll_slot.toff. */
  readonly ordinal: number;
}

export const epoll: SourceDriver<'epoll'> = {
  matches: (file) => file.link === 'anon_inode:[eventpoll]',

  survey(group, context) {
    if (context.inFlight.hasUnseen) return undefined;
    const lost = watchesOf(group).find((watch) => targetOf(group, watch, context) === undefined);
    return lost === undefined ? undefined : lostWatch(lost.seen);
  },

  dump(group, context) {
    const watches = watchesOf(group).map((watch) => {
      const target = targetOf(group, watch, context);
      if (target === undefined) throw refuse(group.first, lostWatch(watch.seen));
      const { fd, events, data } = watch.seen;
      return { fd, file: target.id, events, data };
    });
    return { kind: 'epoll', watches };
  },
};

function lostWatch({ fd, ino }: EpollTarget): Refusal {
  return {
    reason: `it watches number ${fd} (inode ${ino}), which no descriptor of the tree refers to any more`,
    remedy:
      'the file is open outside the tree, or on its way there in a unix socket: let the program close it',
  };
}

function watchesOf({ first }: OpenFileGroup): Watch[] {
  const counts = new Map<number, number>();
  return (first.info.epoll ?? []).map((seen) => {
    const ordinal = counts.get(seen.fd) ?? 0;
    counts.set(seen.fd, ordinal + 1);
    return { seen, ordinal };
  });
}

/** The open file that is watched: under its number if it still is there, else anywhere in the tree. */
function targetOf(group: OpenFileGroup, watch: Watch, context: DriverContext): OpenFileGroup | undefined {
  const { seen } = watch;
  for (const { process } of group.holders) {
    const candidate = context.fileAt(process.pid, seen.fd);
    if (candidate === undefined || candidate.first.info.ino !== seen.ino) continue;
    if (isAlone(candidate, seen, context) || isTarget(group, watch, candidate.first)) return candidate;
  }
  const candidates = context.withInode(seen.ino);
  return candidates.find((candidate) => isTarget(group, watch, candidate.first));
}

/** Nothing else in the tree has this inode: it needs no comparison, which costs a walk over all watches. */
function isAlone(candidate: OpenFileGroup, seen: EpollTarget, { withInode }: DriverContext): boolean {
  return withInode(seen.ino).length === 1 && !candidate.first.link.startsWith('anon_inode:');
}

function isTarget(group: OpenFileGroup, { seen, ordinal }: Watch, candidate: SeenFile): boolean {
  const epollFile = group.first;
  const program = new Program();
  const slot = program.bytes(new Uint8Array(Uint32Array.of(epollFile.fd, seen.fd, ordinal).buffer));
  const result = program.attempt(
    'kcmp',
    candidate.process.pid,
    epollFile.process.pid,
    kcmpEpollTfd,
    candidate.fd,
    slot,
  );
  return runLocal(program).number(result) === 0;
}
