// Files that were deleted while they are open, or made with O_TMPFILE: their content travels as a shared object.
import type { SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';

export const nameless: SourceDriver<'nameless'> = {
  matches: (file) => file.isNameless,
  survey: () => undefined,
  dump(group, { objectOf }) {
    const file = group.first;
    const object = objectOf(file);
    if (object === undefined)
      throw refuse(file, {
        reason:
          'the file was deleted in the very moment of the freeze, and its content is too long to be read now',
        remedy: 'try again',
      });
    return { kind: 'nameless', object, position: file.info.pos };
  },
};
