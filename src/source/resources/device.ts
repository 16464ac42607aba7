// Devices and kernel files that are nothing but their name: the target opens its own.
import { refuse, unsupported } from './refuse.ts';
import type { SourceDriver } from './driver.ts';
import type { SeenFile } from './seen-file.ts';
import { isTaskFile, taskFileOf } from './task-file.ts';

/** Minor numbers of major 1: null, zero, full, random, urandom. */
const memoryDevices = new Set([3, 5, 7, 8, 9]);

export const device: SourceDriver<'device'> = {
  matches: (file) => isMemoryDevice(file) || isHostFile(file) || isTaskFile(file),
  survey({ first }, context) {
    if (isTaskFile(first)) return taskFileOf(first, context) === undefined ? unsupported(first) : undefined;
    return first.isDeleted
      ? { reason: 'its device node was removed', remedy: `create it again: mknod ${first.path}` }
      : undefined;
  },
  dump({ first }, context) {
    const refusal = device.survey({ id: 0, first, holders: [first] }, context);
    if (refusal !== undefined) throw refuse(first, refusal);
    const position = first.info.pos;
    const task = taskFileOf(first, context);
    if (task !== undefined)
      return { kind: 'device', path: task.name, tasks: task.tasks, major: 0, minor: 0, position };
    const numbers = isHostFile(first) ? { major: 0, minor: 0 } : deviceNumbers(first);
    return { kind: 'device', path: first.path, tasks: [], ...numbers, position };
  },
};

function deviceNumbers(file: SeenFile): { major: number; minor: number } {
  const { rdev } = file.stat;
  return { major: Number((rdev >> 8n) & 0xfffn), minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)) };
}

function isMemoryDevice(file: SeenFile): boolean {
  if (!file.isNamed || !file.stat.isCharacterDevice()) return false;
  const { major, minor } = deviceNumbers(file);
  return major === 1 && memoryDevices.has(minor);
}

/** A readable file of /proc that any host has under the same name: /proc/meminfo, /proc/sys/..., but not /proc/17/... */
function isHostFile(file: SeenFile): boolean {
  if (
    !/^\/proc\/(?!\d|tty\/|kcore|kmsg|net\/|bus\/|irq\/|self)|^\/sys\/(devices|class|block|kernel)\//.test(
      file.link,
    )
  )
    return false;
  return !file.canWrite && file.stat.isFile();
}
