// fanotify(7): fdinfo tells how the group was made and what it watches. What it does not tell is found by asking (FAN_ENABLE_AUDIT) or by
// the rights of who has it (whether it was made without CAP_SYS_ADMIN).
import { lstatSync } from 'node:fs';
import { maxMarks } from '../../images/resources/fanotify.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { events, group as groupFlags, mark as markFlags } from '../../kernel/fanotify-flags.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { parseFanotify, type FanotifyMark } from '../../kernel/proc/fanotify.ts';
import { readNamespaces } from '../../kernel/proc/ns.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import type { DriverContext, Refusal, SourceDriver } from './driver.ts';
import { MarkPlaces } from './fanotify-marks.ts';
import { refuse } from './refuse.ts';
import type { OpenFileGroup } from './seen-file.ts';
import type { Thief } from './thief.ts';
import { isLastinglyUnread, unread } from './unread-events.ts';

type Image = ResourceImage<'fanotify'>;
type Mark = Image['marks'][number];

const sysAdmin = 1n << 21n;
/** PROC_USER_INIT_INO of include/linux/proc_ns.h. */
const firstUserNamespace = 4_026_531_837;
/** struct fanotify_response: allow and audit, and a descriptor that no event has had. */
const auditedResponse = Uint8Array.of(0xf0, 0xff, 0xff, 0x7f, 0x11, 0, 0, 0);

export const fanotify: SourceDriver<'fanotify'> = {
  matches: (file) => file.link === 'anon_inode:[fanotify]',

  survey(group, context) {
    const marks = marksOf(group, context);
    if (!Array.isArray(marks)) return marks;
    return isLastinglyUnread(group.first, context.thief) ? unread : undefined;
  },

  dump(group, context) {
    const { first } = group;
    const marks = marksOf(group, context);
    if (!Array.isArray(marks)) throw refuse(first, marks);
    if (context.thief.isReadable(first)) throw refuse(first, unread);
    return imageOf(group, context.thief, marks);
  },
};

/** What the target is asked whether it can make it; undefined: the survey refuses it. */
export function fanotifyRequirement(
  group: OpenFileGroup,
  context: Pick<DriverContext, 'thief' | 'withInode'>,
): Image | undefined {
  const marks = marksOf(group, context);
  return Array.isArray(marks) ? imageOf(group, context.thief, marks) : undefined;
}

function imageOf({ first, holders }: OpenFileGroup, thief: Thief, marks: Mark[]): Image {
  const { flags = 0, eventFlags = 0 } = parseFanotify(first.info.fanotify ?? []) ?? {};
  const audits = isAudited(thief.fdOf(first));
  return {
    kind: 'fanotify',
    flags: audits ? flags | groupFlags.enableAudit : flags,
    eventFlags,
    unprivileged: isForAnybody(flags) && !holders.some((file) => isAdmin(file.home.pid)),
    marks,
  };
}

function isForAnybody(flags: number): boolean {
  return (flags & groupFlags.forAdmins) === 0 && (flags & groupFlags.forAnybody) !== 0;
}

/** In the first user namespace: the kernel asks capable(), not ns_capable() (fs/notify/fanotify/fanotify_user.c). */
function isAdmin(pid: number): boolean {
  const capabilities = readStatus(pid)?.capPrm ?? 0n;
  return (capabilities & sysAdmin) !== 0n && readNamespaces(pid)?.user === firstUserNamespace;
}

/**
 * FAN_ENABLE_AUDIT is no part of what fdinfo shows. A response that asks for an audit is looked at for that first, EINVAL, and then for its
 * descriptor, ENOENT (process_access_response of fanotify_user.c): nothing waits for this one.
 */
function isAudited(fd: number): boolean {
  const program = new Program();
  const written = program.attempt('write', fd, program.bytes(auditedResponse), auditedResponse.length);
  return errnoName(runLocal(program).number(written)) === 'ENOENT';
}

function marksOf(
  { first }: OpenFileGroup,
  { withInode }: Pick<DriverContext, 'withInode'>,
): Mark[] | Refusal {
  const shown = parseFanotify(first.info.fanotify ?? []);
  if (shown === undefined) return { reason: 'this kernel does not show how it was made', remedy: closeIt };
  if (shown.marks.length > maxMarks)
    return { reason: `it has ${shown.marks.length} marks, more than ${maxMarks}`, remedy: closeIt };
  const places = new MarkPlaces(first.home);
  const marks: Mark[] = [];
  for (const seen of shown.marks) {
    if ((seen.mask & events.permission) !== 0) return decides(seen);
    // What a modification has taken away leaves a mark that says nothing.
    if (seen.mask === 0 && seen.ignored === 0) continue;
    const object = places.find(seen);
    if ('reason' in object) return object;
    if (endsWithModification(seen) && isWritten(seen, withInode)) return writtenWhileIgnored(seen);
    // The kernel adds FAN_EVENT_ON_CHILD to marks of everything but directories, and takes it for those alone.
    const kept = object.on === 'inode' && isDirectory(object.path) ? ~0 : ~events.onChild;
    const { flags, mask, ignored } = seen;
    marks.push({ object, flags, mask: (mask & kept) >>> 0, ignored: (ignored & kept) >>> 0 });
  }
  return marks;
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function endsWithModification({ object, flags, ignored }: FanotifyMark): boolean {
  return object.on === 'inode' && ignored !== 0 && (flags & markFlags.survivesModify) === 0;
}

/** inode_is_open_for_write() in fanotify_add_inode_mark(): such a mark is then left out without an error. */
function isWritten({ object }: FanotifyMark, withInode: DriverContext['withInode']): boolean {
  return object.on === 'inode' && withInode(object.ino).some(({ first }) => first.isNamed && first.canWrite);
}

const closeIt = 'let the program close it for the migration, or stop it and start it on the target';

function decides({ line }: FanotifyMark): Refusal {
  return {
    reason: `it decides who may open or read files (${line}): while it is moved nobody answers, and those who ask wait in the kernel, the agents among them`,
    remedy: closeIt,
  };
}

function writtenWhileIgnored({ line }: FanotifyMark): Refusal {
  return {
    reason: `it ignores events of a file until it is modified (${line}), and the tree has that file open for writing: the kernel takes no such mark then`,
    remedy: 'try again when the file is closed; or let the program use FAN_MARK_IGNORED_SURV_MODIFY',
  };
}
