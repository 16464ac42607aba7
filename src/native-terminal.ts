// The typed face of native/binding/terminal_binding.cc.

export interface NativeTerminal {
  /**
   * Puts into an empty pseudoterminal what waited in another one, and gives it these settings (struct termios2). `queues`: as
   * src/kernel/terminal-queues.ts lays them out. 0 or a negative errno; -ENOSPC: they do not fit.
   */
  fillTerminal(master: number, termios: Uint8Array, queues: Uint8Array): number;
}
