// signalfd(2) with its mask.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import type { TargetDriver } from './driver.ts';

const cloexec = 0o2000000;

export const signalfd: TargetDriver<'signalfd'> = {
  open({ mask }) {
    const program = new Program();
    const fd = program.call('signalfd4', -1, program.words(mask), 8, cloexec);
    return runLocal(program).number(fd);
  },
};
