// Pipes and named FIFOs: made once for all their ends, filled through an anchor that keeps them open meanwhile.
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, isError, Program } from '../../kernel/program.ts';
import type { OpenContext, TargetDriver } from './driver.ts';
import { openOrThrow } from './local-files.ts';
import { fillPipe, pipeHolds } from './pipe-content.ts';

type PipeImage = ResourceImage<'pipe'>;

/** A pipe with descriptors of ours for its two ends, which are given away to the first open files that want them. */
interface MadePipe {
  /** Leads to the pipe as long as it is open: new ends are opened through it. */
  readonly anchor: number;
  read: number | undefined;
  write: number | undefined;
}

const sharedKey = {};
const accessMode = 3;
const readWrite = 2;
const nonblock = 0o4000; // O_NONBLOCK
const nonblockCloexec = 0o2004000;
const setPipeSize = 1031;
const getPipeSize = 1032;

export const pipe: TargetDriver<'pipe'> = {
  open(image, { flags }, context) {
    const pipes = context.shared(sharedKey, () => new Map<bigint, MadePipe>());
    let made = pipes.get(image.pipe);
    if (made === undefined) {
      made = make(image, context);
      pipes.set(image.pipe, made);
    }
    const own = image.end === 'both' || image.fifo !== undefined ? undefined : made[image.end];
    if (own !== undefined && image.end !== 'both') {
      made[image.end] = undefined;
      return own;
    }
    // Without O_NONBLOCK an open of one end waits for the other; both are there, but the flag comes later all the same.
    return openOrThrow(`/proc/self/fd/${made.anchor}`, flags & accessMode, nonblock);
  },
};

function make(image: PipeImage, context: OpenContext): MadePipe {
  const ends = context.openFiles.flatMap(({ resource }) =>
    resource.kind === 'pipe' && resource.pipe === image.pipe ? [resource] : [],
  );
  const content = ends.find(({ data }) => data !== undefined);
  if (image.fifo !== undefined) {
    const anchor = openOrThrow(image.fifo, readWrite, nonblock, context.root);
    context.closeLater(anchor);
    // On shared storage of one kernel it is the very pipe of the source, which holds the data already.
    if (!pipeHolds(anchor, content?.data)) {
      setCapacity(anchor, image.capacity, image.fifo);
      fillPipe(anchor, content);
    }
    return { anchor, read: undefined, write: undefined };
  }
  const [read, write] = pipePair();
  setCapacity(write, image.capacity, `pipe ${image.pipe}`);
  fillPipe(write, content);
  // An end that nobody has is closed when everything is open: the other one sees its end.
  const hasReader = ends.some(({ end }) => end === 'read');
  const hasWriter = ends.some(({ end }) => end === 'write');
  if (!hasReader) context.closeLater(read);
  if (!hasWriter) context.closeLater(write);
  const anchor = duplicate(read);
  context.closeLater(anchor);
  return { anchor, read: hasReader ? read : undefined, write: hasWriter ? write : undefined };
}

function pipePair(): [number, number] {
  const program = new Program();
  const ends = program.room(8);
  program.call('pipe2', ends, nonblockCloexec);
  const view = runLocal(program).view(ends);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

function duplicate(fd: number): number {
  const duplicateCloexec = 1030;
  const program = new Program();
  const copy = program.call('fcntl', fd, duplicateCloexec, 0);
  return runLocal(program).number(copy);
}

function setCapacity(fd: number, capacity: number, object: string): void {
  const program = new Program();
  const now = program.call('fcntl', fd, getPipeSize, 0);
  if (runLocal(program).number(now) === capacity) return;
  const change = new Program();
  const result = change.attempt('fcntl', fd, setPipeSize, capacity);
  const got = runLocal(change).result(result);
  if (!isError(got)) return;
  throw new GodwitError('LIMIT', `${object}: a capacity of ${capacity} bytes is refused: ${errnoName(got)}`, {
    hint: 'raise /proc/sys/fs/pipe-max-size and pipe-user-pages-soft on the target, or run the agent with CAP_SYS_RESOURCE',
  });
}
