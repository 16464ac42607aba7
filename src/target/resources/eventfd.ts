// eventfd(2) with its counter.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import type { TargetDriver } from './driver.ts';

const efdSemaphore = 1;
const cloexec = 0o2000000;

export const eventfd: TargetDriver<'eventfd'> = {
  open({ count, semaphore }) {
    const program = new Program();
    const fd = program.call('eventfd2', 0, cloexec | (semaphore ? efdSemaphore : 0));
    // eventfd2(2) takes 32 bits, the counter has 64.
    if (count > 0n) program.call('write', fd, program.words(count), 8);
    return runLocal(program).number(fd);
  },
};
