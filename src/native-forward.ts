// The typed face of native/binding/forward_binding.cc: packets of connections that are forwarded. Several packets stand one behind the
// other, each as its length (u32) and the packet from its IP header on (kernel/tcp-segment.ts).

export interface NativeForward {
  /**
   * A tun device of this name in the network namespace of this thread, down and without addresses; it goes with the descriptor. A negative
   * errno: -ENOENT, -ENODEV (none in this kernel), -EPERM (no CAP_NET_ADMIN), -EBUSY (the name is taken).
   */
  openTunnel(name: string): number;
  /** What the kernel has sent through it since the last time, about `most` bytes at most; or a negative errno. */
  takePackets(tunnel: number, most: number): Uint8Array | number;
  /** Packets come from it. A TCP checksum of 0 is reckoned. How many the kernel did not take, or a negative errno. */
  givePackets(tunnel: number, packets: Uint8Array): number;
  /** Packets leave this host, or come to it, in the name of whoever they are from (raw(7), CAP_NET_RAW). Returns as givePackets. */
  sendSegments(packets: Uint8Array): number;
  /** A capture (openCapture) hears TCP to one of these ports only. 0 or a negative errno. */
  narrowCapture(capture: number, family: number, addresses: Uint8Array, ports: Uint16Array): number;
  /** On the thread pool: until one of the descriptors can be read. How many, or a negative errno. */
  waitReadable(fds: Int32Array, timeoutMs: number): Promise<number>;
}
