// Descriptors that receive was started with, in the place of files that stay behind.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { givenDescriptors, whyNotUsable } from '../given-descriptors.ts';
import type { TargetDriver } from './driver.ts';

/** fcntl(2) F_DUPFD_CLOEXEC. */
const duplicate = 1030;

const getFlags = 3;
const setFlags = 4;
const nonblock = 0o4000;

export const inherited: TargetDriver<'inherited'> = {
  open({ fd, access, object }, { flags }) {
    const given = givenDescriptors().get(fd);
    const why = given === undefined ? 'it was not started with it' : whyNotUsable(given, access);
    if (given === undefined || why !== undefined) {
      throw new GodwitError('REFUSED', `descriptor ${fd} of receive, for ${object}: ${why ?? ''}`, {
        hint: `start receive with it, and with --inherit-fd ${fd}`,
      });
    }
    const program = new Program();
    const copy = program.call('fcntl', given, duplicate, 0);
    const before = program.call('fcntl', given, getFlags, 0);
    const outcome = runLocal(program, `descriptor ${fd}`);
    setNonblock(given, outcome.number(before), (flags & nonblock) !== 0);
    return outcome.number(copy);
  },
};

/** The program relies on it. O_APPEND stays as it was given: without it the tree would write over what a log holds. */
function setNonblock(fd: number, flags: number, on: boolean): void {
  const wanted = on ? flags | nonblock : flags & ~nonblock;
  if (wanted === flags) return;
  const program = new Program();
  program.call('fcntl', fd, setFlags, wanted);
  runLocal(program, 'O_NONBLOCK');
}
