// eventfd(2): the counter stands in fdinfo.
import { GodwitError } from '../../errors.ts';
import type { SourceDriver } from './driver.ts';
import { probeEventfd } from './eventfd-probe.ts';

export const eventfd: SourceDriver<'eventfd'> = {
  matches: (file) => file.link === 'anon_inode:[eventfd]',
  survey: () => undefined,
  dump({ first }, { thief }) {
    const { eventfd: seen } = first.info;
    if (seen === undefined)
      throw new GodwitError('UNSUPPORTED', `${first.object}: this kernel does not show its counter`);
    const semaphore = seen.semaphore ?? probeEventfd(thief.fdOf(first), seen.count);
    return { kind: 'eventfd', count: seen.count, semaphore };
  },
};
