// Descriptors that receive was started with, in the place of files that stay behind.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { givenDescriptors, whyNotUsable } from '../given-descriptors.ts';
import type { TargetDriver } from './driver.ts';

/** fcntl(2) F_DUPFD_CLOEXEC. */
const duplicate = 1030;

export const inherited: TargetDriver<'inherited'> = {
  open({ fd, access, object }) {
    const given = givenDescriptors().get(fd);
    const why = given === undefined ? 'it was not started with it' : whyNotUsable(given, access);
    if (given === undefined || why !== undefined) {
      throw new GodwitError('REFUSED', `descriptor ${fd} of receive, for ${object}: ${why ?? ''}`, {
        hint: `start receive with it, and with --inherit-fd ${fd}`,
      });
    }
    const program = new Program();
    const copy = program.call('fcntl', given, duplicate, 0);
    return runLocal(program, `descriptor ${fd}`).number(copy);
  },
};
