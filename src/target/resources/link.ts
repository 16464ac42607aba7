// Symbolic links that are open themselves.
import { lstatSync, readlinkSync } from 'node:fs';
import { GodwitError } from '../../errors.ts';
import type { TargetDriver } from './driver.ts';
import { openOrThrow } from './local-files.ts';

const openNofollow = 0o400000;

export const link: TargetDriver<'link'> = {
  open({ path, content }, { flags }, { root }) {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (!isLink || readlinkSync(path) !== content) {
      throw new GodwitError('REFUSED', `${path} is no symbolic link to ${content} on the target`, {
        hint: `make it: ln -s ${content} ${path}`,
      });
    }
    return openOrThrow(path, flags, openNofollow, root);
  },
};
