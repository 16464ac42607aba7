// Events that a program has not read cannot be carried (inotify, fanotify). One that makes and reads them all the time has none only now and
// then: it is frozen in such a moment, or thawed at once and frozen again.
import { pause } from '../kernel/pause.ts';
import type { SeenFile } from './resources/seen-file.ts';
import { Thief } from './resources/thief.ts';
import { unlessGone } from './resources/unless-gone.ts';

/** After that many the dump refuses what is unread. */
const mostFreezes = 20;
const waitMs = 1;
const mostWaits = 20;

/** `watchers`: as they were right before. */
export function freezeBetweenEvents<T extends Disposable>(watchers: readonly SeenFile[], freeze: () => T): T {
  using thief = new Thief();
  const isUnread = (): boolean =>
    watchers.some((watcher) => unlessGone(() => thief.isReadable(watcher)) === true);
  for (let freezes = 1; ; freezes++) {
    for (let waits = 0; waits < mostWaits && isUnread(); waits++) pause(waitMs);
    const frozen = freeze();
    if (freezes === mostFreezes || !isUnread()) return frozen;
    frozen[Symbol.dispose]();
  }
}
