// The typed face of native/binding/descriptors_binding.cc.

export interface NativeDescriptors {
  /**
   * Every descriptor of a process, in no order: number, link and fdinfo, each ended by a zero byte. One that is closed
   * meanwhile is left out. A negative errno: -ENOENT (the process is gone), -EACCES.
   */
  readDescriptors(pid: number): string | number;
  /**
   * Every segment for this TCP socket of the agent's is dropped from now on (SO_ATTACH_FILTER). 0 or a negative errno; EPERM: the program
   * has locked its filter.
   */
  stopHearing(fd: number): number;
  /** Ends TCP_REPAIR without a probe, which forgets SO_REUSEADDR: `reuse` is what it was. 0 or a negative errno. */
  endRepair(fd: number, reuse: boolean): number;
  /**
   * Puts all of it into a connection's send queue, whatever room it takes; in repair mode, with TCP_SEND_QUEUE chosen, it counts as sent.
   * 0 or a negative errno.
   */
  fillSendQueue(fd: number, data: Uint8Array): number;
  /** Gives a socket a classic filter: struct sock_filter, one behind the other. 0 or a negative errno. */
  attachFilter(fd: number, program: Uint8Array): number;
  /**
   * A descriptor that collects TCP segments which come in from other hosts for one of the addresses (of family 2, 4 bytes each; of
   * 10, 16 each), or a negative errno. CAP_NET_RAW.
   */
  openCapture(family: number, addresses: Uint8Array): number;
  /**
   * What has come since the last time, each segment as its length (u32) and the packet from its IP header on, or a negative errno.
   * `lost` (one number) becomes how many found no room.
   */
  takeSegments(capture: number, lost: Int32Array): Uint8Array | number;
}
