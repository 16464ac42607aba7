// A network device whose other end is this process: what the kernel routes there is read, what is written has come from there (tun,
// Documentation/networking/tuntap.rst). Packets of IP, without frames.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sys/fd.h"

namespace godwit {

/// Makes one in the network namespace of this thread, down, without addresses; it goes with the descriptor. 0 or -errno: -ENOENT and
/// -ENODEV (this kernel has none), -EPERM (no CAP_NET_ADMIN), -EBUSY (the name is taken).
int OpenTunnel(const char* name, Fd& out);

/// Appends what the kernel has sent since the last time, at most about `most` bytes, as TakeSegments (sys/capture.h) lays it out. 0 or -errno.
int TakePackets(int tunnel, std::size_t most, std::vector<std::byte>& out);

/// Packets come to the kernel. A checksum of 0 is reckoned. Returns how many it did not take, or -errno; -EBADMSG: not laid out so.
int GivePackets(int tunnel, std::span<const std::byte> packets);

/// Waits until one of the descriptors can be read, at most `timeout_ms`. How many, or -errno.
int WaitReadable(std::span<const int> fds, int timeout_ms);

}  // namespace godwit
