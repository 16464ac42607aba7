// timerfd(2): fdinfo shows clock, unread expirations, and the time left.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { readFdInfo, type FdInfo } from '../../kernel/proc/fdinfo.ts';
import { Program } from '../../kernel/program.ts';
import { nsPerSec } from '../../units.ts';
import type { DumpContext, SourceDriver } from './driver.ts';
import type { SeenFile } from './seen-file.ts';

export const timerfd: SourceDriver<'timerfd'> = {
  matches: (file) => file.link === 'anon_inode:[timerfd]',
  survey: () => undefined,
  dump({ first }, context) {
    const seen = current(first, context);
    if (seen === undefined)
      throw new GodwitError('UNSUPPORTED', `${first.object}: this kernel does not show its time`);
    return {
      kind: 'timerfd',
      clock: seen.clockid,
      ticks: seen.ticks,
      settimeFlags: seen.settimeFlags,
      remaining: seen.itValue,
      interval: seen.itInterval,
    };
  },
};

/**
 * A periodic timer that has expired stands still until somebody asks (fs/timerfd.c): asking for its time counts the
 * expirations since and sets it going again, which changes nothing for its reader.
 */
function current(file: SeenFile, { thief }: DumpContext): FdInfo['timerfd'] {
  const seen = file.info.timerfd;
  if (seen === undefined || seen.itValue !== 0n || seen.itInterval === 0n) return seen;
  const program = new Program();
  const asked = program.room(32); // struct itimerspec: interval, then what is left
  program.call('timerfd_gettime', thief.fdOf(file), asked);
  const [, , seconds = 0n, nanoseconds = 0n] = runLocal(program).words(asked);
  return sinceAsked(readFdInfo(file.process.pid, file.fd)?.timerfd, seconds * nsPerSec + nanoseconds);
}

/**
 * `left`: nanoseconds, when it was asked for. A short one has expired once more before it was looked at (and stands still again, so not
 * more than once), which is among its ticks already: what is left then is the time after that.
 */
export function sinceAsked(seen: FdInfo['timerfd'], left: bigint): FdInfo['timerfd'] {
  if (seen === undefined || seen.itValue !== 0n || seen.itInterval === 0n) return seen;
  return { ...seen, itValue: left + seen.itInterval };
}
