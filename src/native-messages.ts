// The typed face of native/binding/messages_binding.cc.

export interface NativeMessages {
  /**
   * recvmsg(2): bytes, or a negative errno. `facts` (three numbers) becomes the length of the sender's name, the length of the
   * control data, and msg_flags. Descriptors that come with the message are the agent's, close-on-exec.
   */
  receiveMessage(
    fd: number,
    flags: number,
    data: Uint8Array,
    name: Uint8Array,
    control: Uint8Array,
    facts: Int32Array,
  ): number;
  /** sendmsg(2) to the peer, without SIGPIPE: bytes, or a negative errno. `control` may be empty. */
  sendMessage(fd: number, flags: number, data: Uint8Array, control: Uint8Array): number;
  /** The same by a process of that PID namespace, whose PIDs stand in `control`. It has ended afterwards. */
  sendMessageFrom(
    pidNamespace: number,
    fd: number,
    flags: number,
    data: Uint8Array,
    control: Uint8Array,
  ): number;
}
