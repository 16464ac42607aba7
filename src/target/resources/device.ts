// Devices and kernel files that are nothing but their name.
import { fstatSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import type { TargetDriver } from './driver.ts';
import { openOrThrow, seek } from './local-files.ts';

const openNoctty = 0o400;

export const device: TargetDriver<'device'> = {
  open({ path, major, minor, position }, { flags }) {
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
