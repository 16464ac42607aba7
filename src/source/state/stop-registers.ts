// The registers of threads as the freeze has found them. To be read before any program runs in them: a call that a stop ends with EINTR (epoll_wait
// and its kin) is issued again for whoever lets the thread go behind a program (native/sys/restart.cc), and then nobody sees any more that it
// was in a wait, of which only the rest is to follow.
import { native } from '../../native.ts';
import { registerCount } from '../../native-process.ts';

export class StopRegisters {
  readonly #byTid = new Map<number, BigUint64Array>();

  /** Preconditions: they are ptrace-stopped. One that has died meanwhile has none. */
  take(tids: readonly number[]): void {
    this.#byTid.clear();
    for (const tid of tids) {
      const registers = new BigUint64Array(registerCount);
      if (native.getRegs(tid, registers) >= 0) this.#byTid.set(tid, registers);
    }
  }

  of(tid: number): BigUint64Array | undefined {
    return this.#byTid.get(tid);
  }
}
