// fanotify groups are tried: made, marked and closed again. So the kernel tells which flags, rights, file systems or places this host lacks.
import { lstatSync } from 'node:fs';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { mountOfPath, readMountinfo, type Mount } from '../../kernel/mountinfo.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { groupFailure, markFailure, objectText, type Words } from '../fanotify-failures.ts';
import { addMark, makeGroup, type Mark, type MarkContext } from '../fanotify-group.ts';
import { blocker } from './blocker.ts';

const here: MarkContext = { root: undefined, taskOf: () => 'self' };

export function checkFanotify({ fanotify }: Pick<Requirements, 'fanotify'>): Blocker[] {
  const mounts = fanotify.length === 0 ? [] : (readMountinfo('self') ?? []);
  return fanotify.flatMap(({ object, group }) => {
    const fd = makeGroup(group);
    const wrong =
      fd < 0 ? [groupFailure(fd)] : group.marks.flatMap((mark) => tryMark(fd, mark, mounts) ?? []);
    if (fd >= 0) closeLocal(fd);
    return wrong.map(({ reason, remedy }) => blocker(object, reason, remedy));
  });
}

function tryMark(fd: number, mark: Mark, mounts: readonly Mount[]): Words | undefined {
  const { object } = mark;
  if (object.on === 'mount' || object.on === 'filesystem') {
    if (mountOfPath(mounts, object.path)?.mountPoint !== object.path)
      return {
        reason: `it watches ${objectText(mark)}, and nothing is mounted there on this host`,
        remedy: 'mount the same storage there',
      };
  }
  // A file may come along; that its directory is here is looked at elsewhere.
  if (object.on === 'inode' && lstatSync(object.path, { throwIfNoEntry: false }) === undefined)
    return undefined;
  const result = addMark(fd, mark, here);
  return result < 0 ? markFailure(mark, result) : undefined;
}
