// TCP connections whose process stands still: nothing reaches them, nothing leaves them, until they are let go.
#pragma once

#include <cstddef>
#include <span>

namespace godwit {

/**
 * Every segment for this socket is dropped from now on, before the kernel has looked at it (SO_ATTACH_FILTER, socket(7)): what comes
 * is neither queued nor acknowledged, and its sender sends it again. 0 or -errno; EPERM: its filter is locked.
 */
int LockConnection(int fd);

/** Takes the filter of LockConnection off, also of a listening socket. 0 or -errno; one that is not there is no error. */
int HearAgain(int fd);

/**
 * Takes the filter off, and ends TCP_REPAIR without a probe (Linux 4.20), which forgets SO_REUSEADDR (tcp_repair in
 * net/ipv4/tcp.c): `reuse` is what it was. 0 or -errno.
 */
int UnlockConnection(int fd, bool reuse);

/**
 * Puts all of it into the send queue, whatever room it takes there (SO_SNDBUFFORCE), and leaves the buffer as it was. In repair mode, with
 * TCP_SEND_QUEUE chosen, it counts as sent; else it is sent. 0 or -errno.
 */
int FillSendQueue(int fd, std::span<const std::byte> data);

}  // namespace godwit
