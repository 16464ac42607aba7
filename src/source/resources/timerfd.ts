// timerfd(2): fdinfo shows clock, unread expirations, and the time left.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { readFdInfo, type FdInfo } from '../../kernel/proc/fdinfo.ts';
import { Program } from '../../kernel/program.ts';
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
  program.call('timerfd_gettime', thief.fdOf(file), program.room(32));
  runLocal(program);
  return readFdInfo(file.process.pid, file.fd)?.timerfd;
}
