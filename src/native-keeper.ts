// The typed face of native/binding/keeper_binding.cc: the socket to the keeper and the owner word. Failures that can be
// expected come back as negative errnos; nothing throws for them.

export interface NativeKeeper {
  /** Connects a SOCK_SEQPACKET unix socket (close-on-exec). Returns the descriptor, or a negative errno. */
  seqpacketConnect(path: string): number;
  /**
   * Sends one datagram, with these descriptors (128 at most), and waits for one datagram, at most `timeoutMs`.
   * Returns [text, descriptor that came with it or -1], or a negative errno (-ETIMEDOUT, -ECONNRESET: the keeper is gone).
   */
  seqpacketRequest(
    socket: number,
    text: string,
    fds: Int32Array,
    timeoutMs: number,
  ): [string, number] | number;
  /** The same on the thread pool, for requests that take long. No other request may use the socket meanwhile. */
  seqpacketRequestAsync(
    socket: number,
    text: string,
    fds: Int32Array,
    timeoutMs: number,
  ): Promise<[string, number] | number>;
  /** execv(3), with process.env as it is now: this process becomes that program. Returns on failure only: a negative errno. */
  execute(path: string, args: string[]): number;
  /** Reads the 8-byte word of the file behind `fd` through a shared mapping. */
  wordLoad(fd: number): number;
  /** Compare-and-swap on that word. Returns the value found: `from` when it was exchanged. Or a negative errno. */
  wordCompareExchange(fd: number, from: number, to: number): number;
}
