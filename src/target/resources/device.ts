// Devices and kernel files that are nothing but their name.
import { fstatSync, statSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import type { OpenContext, TargetDriver } from './driver.ts';
import { openOrThrow, seek } from './local-files.ts';

const openNoctty = 0o400;

export const device: TargetDriver<'device'> = {
  open({ path: name, tasks, major, minor, position }, { flags }, { taskOf, root }) {
    const isTask = tasks.length > 0;
    const path = isTask ? taskPath(tasks, name, taskOf) : name;
    const fd = openOrThrow(path, flags, openNoctty, isTask ? undefined : root);
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

/** Its name in the /proc of the tree's PID namespace, which shows the tree's own numbers; else the agent's name of it. */
function taskPath(tasks: readonly number[], name: string, taskOf: OpenContext['taskOf']): string {
  const pids = tasks.map((vpid) => {
    const pid = taskOf(vpid);
    if (pid === undefined)
      throw new GodwitError('PROTOCOL', `the source named task ${vpid}, which is none of the tree's`);
    return pid;
  });
  const outside = `/proc/${pids.join('/task/')}/${name}`;
  if (pids.every((pid, i) => pid === tasks[i])) return outside;
  const inside = `/proc/${pids[0] ?? 0}/root/proc/${tasks.join('/task/')}/${name}`;
  return isThere(inside) ? inside : outside; // it may have another root directory
}

/** Not by access(2), which counts without the capabilities of whoever is not root. */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
