// Events that wait in an instance of inotify, or in a group of fanotify: the kernel has no way to put them into another.
import { pause } from '../../kernel/pause.ts';
import type { Refusal } from './driver.ts';
import type { SeenFile } from './seen-file.ts';
import type { Thief } from './thief.ts';

export const unread: Refusal = {
  reason: 'it holds events that the program has not read, and the kernel takes none from outside',
  remedy: 'try again when the program has read them',
};

/** A busy program has unread events again and again, and never for long; but it may have to wait for its CPU. */
const looks = 200;
const lookAgainMs = 5;

/** Preconditions: the program runs. */
export function isLastinglyUnread(file: SeenFile, thief: Thief): boolean {
  for (let look = 1; thief.isReadable(file); look++) {
    if (look === looks) return true;
    pause(lookAgainMs);
  }
  return false;
}
