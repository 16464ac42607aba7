// fanotify(7): the group is made with all other files, its marks when the whole tree stands in its frozen cgroup, as the last thing of all:
// marks of mounts and file systems see what anybody does there, this agent too.
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { addMark, makeGroup, marksOf, type MarkContext } from '../fanotify-group.ts';
import { groupFailure, markFailure, type Words } from '../fanotify-failures.ts';
import type { TargetDriver } from './driver.ts';

export const fanotify: TargetDriver<'fanotify'> = {
  open(image, { id }, context) {
    const fd = makeGroup(image);
    if (fd < 0) throw failed(id, groupFailure(fd));
    if (image.marks.length > 0) {
      context.watchLast(fd, () => {
        addMarks(id, fd, image, context);
      });
    }
    return fd;
  },
};

/** @throws GodwitError REFUSED */
function addMarks(id: number, fd: number, { marks }: ResourceImage<'fanotify'>, context: MarkContext): void {
  for (const mark of marks) {
    const result = addMark(fd, mark, context);
    if (result < 0) throw failed(id, markFailure(mark, result));
  }
  // Marks that ignore a file until it is modified are left out without an error where somebody has it open for writing.
  const made = marksOf(fd).filter(({ mask, ignored }) => (mask | ignored) !== 0);
  const ignoring = (list: readonly { readonly ignored: number }[]): number =>
    list.filter(({ ignored }) => ignored !== 0).length;
  if (made.length === marks.length && ignoring(made) === ignoring(marks)) return;
  throw failed(id, {
    reason:
      'it ignores events of a file until it is modified, and somebody has that file open for writing here',
    remedy: 'try again when the file is closed',
  });
}

function failed(id: number, { reason, remedy }: Words): GodwitError {
  return new GodwitError('REFUSED', `open file ${id} (fanotify group): ${reason}`, { hint: remedy });
}
