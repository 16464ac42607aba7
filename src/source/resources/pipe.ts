// Pipes and named FIFOs: which ends there are, the capacity, and what is in the buffer, packets included.
import type { DriverContext, Refusal, SourceDriver } from './driver.ts';
import { externalOf } from './external.ts';
import { readPipe } from './pipe-content.ts';
import { refuse } from './refuse.ts';
import { openDirect, openPath, type OpenFileGroup, type SeenFile } from './seen-file.ts';

type End = 'read' | 'write' | 'both';

export const pipe: SourceDriver<'pipe'> = {
  matches: (file) =>
    isAnonymous(file) || (file.isNamed && (file.flags & openPath) === 0 && file.stat.isFIFO()),

  survey(group, context) {
    const file = group.first;
    const unnamed = lostName(file, context);
    if (unnamed !== undefined) return unnamed;
    if (externalOf(group, context) !== undefined) return undefined; // the other end counts as closed
    const holder = context.outside().get(file.link);
    if (holder !== undefined) {
      return {
        reason: `${holder}, outside the tree, holds this pipe too`,
        remedy: `migrate a tree that contains it; or ${instead(file)}`,
      };
    }
    return context.inFlight.hasUnseen ? undefined : halfOutside(group, context);
  },

  dump(group, context) {
    const file = group.first;
    const refusal = lostName(file, context) ?? halfOutside(group, context);
    if (refusal !== undefined) throw refuse(file, refusal);
    const ends = endsOf(group, context);
    const carriesData = ends.find((other) => other.first.canRead)?.id === group.id;
    const content = readPipe(file.procPath, carriesData);
    const isPackets = content.lengths.length > 1 || ends.some((end) => (end.first.flags & openDirect) !== 0);
    return {
      kind: 'pipe',
      pipe: inode(file),
      end: endOf(file),
      capacity: content.capacity,
      ...(content.data.length > 0 ? { data: content.data } : {}),
      ...(content.data.length > 0 && isPackets ? { packets: content.lengths } : {}),
      ...(isAnonymous(file) ? {} : { fifo: file.path }),
    };
  },
};

function isAnonymous(file: SeenFile): boolean {
  return file.link.startsWith('pipe:[');
}

/** Inode numbers of FIFOs are unique on their device only: the device goes into the upper half. */
function inode(file: SeenFile): bigint {
  return isAnonymous(file)
    ? BigInt(file.info.ino ?? file.stat.ino)
    : BigInt.asUintN(64, (file.stat.dev << 40n) ^ file.stat.ino);
}

function endOf(file: SeenFile): End {
  if (file.canRead && file.canWrite) return 'both';
  return file.canRead ? 'read' : 'write';
}

function endsOf({ first }: OpenFileGroup, { linkedTo }: DriverContext): OpenFileGroup[] {
  return linkedTo(first.link).filter((group) => group.first.info.ino === first.info.ino);
}

function lostName(file: SeenFile, { names }: DriverContext): Refusal | undefined {
  if (isAnonymous(file) || names.nameOf(file) === file.path) return undefined;
  return {
    reason: 'the FIFO has no name any more',
    remedy: 'let the program close it, or make the name again',
  };
}

/** What operators can say of it. */
function instead({ link }: SeenFile): string {
  if (!link.startsWith('pipe:[')) return 'start the program with this descriptor redirected to a file';
  return `give --external ${link.replace(':', '')}:closed, or another file for it by --inherit-fd fd[N]:${link}`;
}

/** An end that is open somewhere, but not in the tree. */
function halfOutside(group: OpenFileGroup, context: DriverContext): Refusal | undefined {
  if (!isAnonymous(group.first) || externalOf(group, context) !== undefined) return undefined; // a FIFO may well be open at one end only
  const ends = endsOf(group, context);
  const hasReader = ends.some(({ first }) => first.canRead);
  const hasWriter = ends.some(({ first }) => first.canWrite);
  if (hasReader && hasWriter) return undefined;
  const other = hasReader ? 'write' : 'read';
  if (context.thief.isHungUp(group.first)) return undefined; // the other end has been closed everywhere
  return {
    reason: `its ${other} end is open outside the tree, or on its way there in a unix socket`,
    remedy: `migrate a tree that contains both ends; or ${instead(group.first)}`,
  };
}
