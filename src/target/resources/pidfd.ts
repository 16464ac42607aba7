// pidfd_open(2) of a task of the tree, or of one that has ended long ago.
import { GodwitError } from '../../errors.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import type { TargetDriver } from './driver.ts';

/** PIDFD_THREAD, Linux 6.9. */
const threadFlag = 0o200;

export const pidfd: TargetDriver<'pidfd'> = {
  open({ pid, thread }, _file, { taskOf, anyone }) {
    const flags = thread ? threadFlag : 0;
    // pidfd_send_signal(2) is refused (EINVAL) by a pidfd of another PID namespace than the caller's.
    const task = pid === undefined ? anyone()?.pid : taskOf(pid);
    if (pid !== undefined && task === undefined)
      throw new GodwitError('PROTOCOL', `the source named task ${pid}, which it never described`);
    const fd = task === undefined ? native.endedPidfd(flags) : native.pidfdOpen(task, flags);
    if (fd >= 0) return fd;
    const whose = pid === undefined ? 'a task that has ended' : `task ${pid}`;
    throw new GodwitError('SYSCALL', `a pidfd of ${whose} cannot be made: ${errnoName(fd)}`);
  },
};
