// TCP connections whose process stands still: nothing reaches them, nothing leaves them, until they are let go.
#pragma once

namespace godwit {

/**
 * Every segment for this socket is dropped from now on, before the kernel has looked at it (SO_ATTACH_FILTER, socket(7)): what comes
 * is neither queued nor acknowledged, and its sender sends it again. 0 or -errno; EPERM: its filter is locked.
 */
int LockConnection(int fd);

/**
 * Takes the filter off, and ends TCP_REPAIR without a probe (Linux 4.20), which forgets SO_REUSEADDR (tcp_repair in
 * net/ipv4/tcp.c): `reuse` is what it was. 0 or -errno.
 */
int UnlockConnection(int fd, bool reuse);

}  // namespace godwit
