// Making fanotify groups and their marks (fanotify_init(2), fanotify_mark(2)), for the restore and for the check that tries it.
import { readFileSync } from 'node:fs';
import type { ResourceImage } from '../images/resources/registry.ts';
import { events, mark as markFlags, markTypes } from '../kernel/fanotify-flags.ts';
import { runLocal } from '../kernel/local-program.ts';
import { parseFanotify, type FanotifyMark } from '../kernel/proc/fanotify.ts';
import { parseFdInfo } from '../kernel/proc/fdinfo.ts';
import { Program } from '../kernel/program.ts';
import { closeLocal } from '../kernel/socket-facts.ts';
import { openIn, type TreeRoot } from './tree-root.ts';

type Group = ResourceImage<'fanotify'>;
export type Mark = Group['marks'][number];

/** Where names mean what they mean to the tree. */
export interface MarkContext {
  readonly root: TreeRoot;
  /** The agent's number of a process of the tree; 'self': the agent stands for it. */
  readonly taskOf: (vpid: number) => number | 'self' | undefined;
}

const atFdcwd = -100;
const setDescriptorFlags = 2;
const closeOnExec = 1;
/** O_PATH, O_NOFOLLOW, O_CLOEXEC: nobody hears of that, and what is marked is what was found, be it a symbolic link. */
const justLooking = 0o12400000;
/** struct __user_cap_header_struct, _LINUX_CAPABILITY_VERSION_3 (capset(2)). */
const capabilityHeader = new Uint8Array(Uint32Array.of(0x2008_0522, 0).buffer);
const capabilityData = 24;
const sysAdmin = 1 << 21;

/** Returns the agent's descriptor, or a negative errno. */
export function makeGroup({ flags, eventFlags, unprivileged }: Omit<Group, 'kind' | 'marks'>): number {
  const init = (program: Program): number => {
    const fd = program.attempt('fanotify_init', flags, eventFlags);
    program.attempt('fcntl', fd, setDescriptorFlags, closeOnExec);
    return fd.operation;
  };
  const program = new Program();
  if (!unprivileged) {
    const operation = init(program);
    return runLocal(program).number({ operation });
  }
  // The kernel looks at the effective capability of the calling thread alone, and at no other moment.
  const mine = readCapabilities();
  const without = mine.slice();
  new DataView(without.buffer).setUint32(
    0,
    (new DataView(mine.buffer).getUint32(0, true) & ~sysAdmin) >>> 0,
    true,
  );
  program.call('capset', program.bytes(capabilityHeader), program.bytes(without));
  const operation = init(program);
  program.call('capset', program.bytes(capabilityHeader), program.bytes(mine));
  return runLocal(program).number({ operation });
}

function readCapabilities(): Uint8Array<ArrayBuffer> {
  const program = new Program();
  const data = program.room(capabilityData);
  program.call('capget', program.bytes(capabilityHeader), data);
  return runLocal(program).bytes(data).slice();
}

/** Zero, or a negative errno. */
export function addMark(group: number, mark: Mark, context: MarkContext): number {
  const { object } = mark;
  if (object.on === 'namespace') {
    const pid = context.taskOf(object.process);
    return pid === undefined ? noSuchProcess : markPath(group, mark, `/proc/${pid}/ns/mnt`);
  }
  const fd = openIn(context.root, object.path, justLooking);
  if (fd < 0) return fd;
  try {
    return markPath(group, mark, `/proc/self/fd/${fd}`);
  } finally {
    closeLocal(fd);
  }
}

const noSuchProcess = -3; // ESRCH

/** A mask and an ignored mask are two calls. One without events leaves its flags behind when it is taken away again. */
function markPath(group: number, { object, flags, mask, ignored }: Mark, path: string): number {
  const type = markTypes[object.on] | (flags & markFlags.evictable);
  const program = new Program();
  const name = program.cstring(path);
  const results = [];
  if (mask !== 0)
    results.push(program.attempt('fanotify_mark', group, type | markFlags.add, mask, atFdcwd, name));
  const how = flags & (markFlags.ignore | markFlags.survivesModify);
  if (ignored !== 0 || how !== 0) {
    const ignoring = type | ((how & markFlags.ignore) === 0 ? how | markFlags.ignoredMask : how);
    const ignore = (what: number, these: number): void => {
      results.push(program.attempt('fanotify_mark', group, ignoring | what, these, atFdcwd, name));
    };
    ignore(markFlags.add, ignored === 0 ? events.modify : ignored);
    if (ignored === 0) ignore(markFlags.remove, events.modify);
  }
  const outcome = runLocal(program);
  return results.map((result) => outcome.number(result)).find((result) => result < 0) ?? 0;
}

/** What the kernel shows of a group of the agent's. */
export function marksOf(group: number): readonly FanotifyMark[] {
  const { fanotify = [] } = parseFdInfo(readFileSync(`/proc/self/fdinfo/${group}`, 'latin1'));
  return parseFanotify(fanotify)?.marks ?? [];
}
