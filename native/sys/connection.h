// TCP connections whose process stands still: nothing reaches them, nothing leaves them, until they are let go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit {

/** What a lock has changed in a connection, and gives back. */
struct ConnectionLock {
  bool reuse = false;        // SO_REUSEADDR, which the end of TCP_REPAIR forgets (tcp_setsockopt)
  bool keepalive = false;    // SO_KEEPALIVE
  int user_timeout = 0;      // TCP_USER_TIMEOUT, milliseconds
  std::uint32_t window = 0;  // what the other end takes, bytes (tcp_repair_window.snd_wnd)
};

/**
 * Every segment for this socket is dropped from now on, before the kernel has looked at it (SO_ATTACH_FILTER, socket(7)): what comes
 * is neither queued nor acknowledged, and its sender sends it again. 0 or -errno; EPERM: its filter is locked.
 */
int StopHearing(int fd);

/**
 * The same of the first segments of new connections, for a listening socket: handshakes that have begun still come to their end. What they
 * bring about inherits the filter (sk_clone_lock).
 */
int StopListening(int fd);

/** Takes such a filter off. 0 or -errno; one that is not there is no error. */
int HearAgain(int fd);

/**
 * StopHearing, and nothing is said either, whatever the kernel's timers have in mind: it stands in repair mode (its end is told to nobody,
 * who ever ends it), with a window of nothing, for repair mode itself holds back nothing that waits in its send queue (tcp_write_xmit),
 * and neither keepalive nor TCP_USER_TIMEOUT ends it. What was sent already may be sent again. 0, or -errno with everything as before.
 */
int LockConnection(int fd, ConnectionLock& was);

/** Undoes LockConnection: repair mode ends without a probe (Linux 4.20), and what waits is sent. 0 or -errno. */
int UnlockConnection(int fd, const ConnectionLock& was);

/** Ends repair mode without a probe; SO_REUSEADDR becomes `reuse`. 0 or -errno. */
int EndRepair(int fd, bool reuse);

/**
 * Puts all of it into the send queue, whatever room it takes there (SO_SNDBUFFORCE), and leaves the buffer as it was. In repair mode, with
 * TCP_SEND_QUEUE chosen, it counts as sent; else it is sent. 0 or -errno.
 */
int FillSendQueue(int fd, std::span<const std::byte> data);

}  // namespace godwit
