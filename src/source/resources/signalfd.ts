// signalfd(2): a mask; the signals themselves are pending in the process.
import { GodwitError } from '../../errors.ts';
import type { SourceDriver } from './driver.ts';

export const signalfd: SourceDriver<'signalfd'> = {
  matches: (file) => file.link === 'anon_inode:[signalfd]',
  survey: () => undefined,
  dump({ first }) {
    const mask = first.info.sigmask;
    if (mask === undefined)
      throw new GodwitError('UNSUPPORTED', `${first.object}: this kernel does not show its mask`);
    return { kind: 'signalfd', mask };
  },
};
