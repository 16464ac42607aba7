// Devices and kernel files that are nothing but their name.
import { fstatSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import type { OpenContext, TargetDriver } from './driver.ts';
import { openOrThrow, seek } from './local-files.ts';

const openNoctty = 0o400;

export const device: TargetDriver<'device'> = {
  open({ path: name, tasks, major, minor, position }, { flags }, { taskOf }) {
    const path = tasks.length === 0 ? name : taskPath(tasks, name, taskOf);
    const fd = openOrThrow(path, flags, openNoctty);
    const { rdev } = fstatSync(fd);
    const found = { major: (rdev >> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00) };
    if (major !== 0 && (found.major !== major || found.minor !== minor)) {
      closeLocal(fd);
      throw new GodwitError('REFUSED', `${path} is not device ${major}:${minor} on the target`, {
        hint: `create it: mknod ${path} c ${major} ${minor}`,
      });
    }
    // The position of a memory device means nothing; of a file of /proc it counts.
    if (major === 0) seek(fd, position, path);
    return fd;
  },
};

/** The agent's name of it: /proc is mounted in the agent's PID namespace. */
function taskPath(tasks: readonly number[], name: string, taskOf: OpenContext['taskOf']): string {
  const pids = tasks.map((vpid) => {
    const pid = taskOf(vpid);
    if (pid === undefined)
      throw new GodwitError('PROTOCOL', `the source named task ${vpid}, which is none of the tree's`);
    return pid;
  });
  return `/proc/${pids.join('/task/')}/${name}`;
}
