// timerfd(2): the time that has passed since it was read is taken off; what expired meanwhile counts as expirations.
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { nsPerSec } from '../../units.ts';
import type { TargetDriver } from './driver.ts';

const cloexec = 0o2000000;
const clockRealtime = 0;
const timerAbsolute = 1;
/** Linux 3.17 with CONFIG_CHECKPOINT_RESTORE: sets the expirations that were not read. */
const setTicks = 0x40085400;

export const timerfd: TargetDriver<'timerfd'> = {
  open(image, _, { elapsed }) {
    const { remaining, ticks } = wound(image, elapsed());
    const program = new Program();
    const fd = program.call('timerfd_create', image.clock, cloexec);
    if (remaining > 0n) arm(program, fd, image, remaining);
    // After arming, which resets it.
    if (ticks > 0n) program.attempt('ioctl', fd, setTicks, program.words(ticks));
    return runLocal(program).number(fd);
  },
};

/** What is left of a timer after `passed` nanoseconds. A timer that is armed has at least 1 ns left. */
export function wound(
  { remaining, interval, ticks }: Pick<ResourceImage<'timerfd'>, 'remaining' | 'interval' | 'ticks'>,
  passed: bigint,
): { remaining: bigint; ticks: bigint } {
  if (remaining === 0n) return { remaining: 0n, ticks };
  if (passed < remaining) return { remaining: remaining - passed, ticks };
  if (interval === 0n) return { remaining: 0n, ticks: ticks + 1n };
  const overdue = passed - remaining;
  return { remaining: interval - (overdue % interval), ticks: ticks + 1n + overdue / interval };
}

function arm(
  program: Program,
  fd: ReturnType<Program['call']>,
  { clock, settimeFlags, interval }: ResourceImage<'timerfd'>,
  remaining: bigint,
): void {
  // An absolute timer of the wall clock follows jumps of that clock (and is cancelled by them): it stays absolute.
  const isAbsolute = clock === clockRealtime && (settimeFlags & timerAbsolute) !== 0;
  const first = isAbsolute ? BigInt(Date.now()) * 1_000_000n + remaining : remaining;
  const value = program.words(interval / nsPerSec, interval % nsPerSec, first / nsPerSec, first % nsPerSec);
  program.call('timerfd_settime', fd, isAbsolute ? settimeFlags : 0, value, 0);
}
