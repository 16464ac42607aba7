// The typed face of native/binding/diag_binding.cc: sockets as the kernel lists them by netlink. src/kernel/sockets.ts is the
// comfortable way to them.

/** A unix socket of a network namespace. */
export interface UnixDiagSocket {
  readonly inode: number;
  /** 0: not connected, or the other half is closed. */
  readonly peerInode: number;
  /** SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5. */
  readonly type: number;
  /** TCP_ESTABLISHED 1 (connected), TCP_CLOSE 7, TCP_LISTEN 10. */
  readonly state: number;
  /** RCV_SHUTDOWN 1, SEND_SHUTDOWN 2. */
  readonly shutdown: number;
  /** Bytes to be read; of a listener connections not accepted. */
  readonly rqueue: number;
  /** Bytes the peer has not read; of a listener the backlog given to listen(2). */
  readonly wqueue: number;
  /** sun_path as bound: an abstract name begins with a zero byte; null: not bound. */
  readonly name: Uint8Array | null;
  /** Of a listener: inodes of the sockets whose connections are not accepted; 0 for one that has closed again. */
  readonly pendingInodes: readonly number[];
}

/** A TCP or UDP socket of a network namespace. */
export interface InetDiagSocket {
  readonly family: 4 | 6;
  /** 0: no descriptor refers to it any more (TIME_WAIT, or a connection not accepted). */
  readonly inode: number;
  /** TCP_* of include/net/tcp_states.h; of UDP: 1 connected, 7 not. */
  readonly state: number;
  /** 4 or 16 bytes. */
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  /** Bytes to be read; of a TCP listener connections not accepted. */
  readonly rqueue: number;
  /** Bytes not acknowledged; of a TCP listener the backlog given to listen(2), cut by net.core.somaxconn. */
  readonly wqueue: number;
  readonly uid: number;
  /** SO_BINDTODEVICE; 0: any. */
  readonly interface: number;
  /** IPV6_V6ONLY; the kernel tells it of closed and listening IPv6 sockets. */
  readonly v6only?: boolean;
}

export interface NativeDiag {
  /**
   * The unix sockets of the network namespace of `netnsPid`, or of the agent's own. A negative errno: -ENOENT (the process
   * is gone, or no unix_diag in this kernel), -EPERM (another namespace needs CAP_SYS_ADMIN).
   */
  unixDiag(netnsPid?: number): UnixDiagSocket[] | number;
  /** The IPv4 and IPv6 sockets; protocol is IPPROTO_TCP 6 or IPPROTO_UDP 17. */
  inetDiag(protocol: 6 | 17, netnsPid?: number): InetDiagSocket[] | number;
}
