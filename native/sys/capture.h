// TCP segments and UDP datagrams on their way to addresses of this host, copied as they come in: what a locked connection drops, and what
// comes for a socket that is described already, is not lost.
// packet(7), SOCK_DGRAM; needs CAP_NET_RAW.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sys/fd.h"

namespace godwit {

/**
 * Copies what comes from other hosts for one of the addresses (of AF_INET 4 bytes each, of AF_INET6 16) from now on, also when the
 * addresses have been taken off this host. 0 or -errno; -E2BIG: more addresses than a filter can name.
 */
int OpenCapture(int family, std::span<const std::byte> addresses, Fd& out);

/**
 * From now on only TCP to one of these ports of the addresses, in the place of all TCP and UDP; too many, or none: as before. 0 or -errno.
 */
int NarrowCapture(int capture, int family, std::span<const std::byte> addresses,
                  std::span<const std::uint16_t> ports);

/**
 * Appends what has come since the last time. Returns how many segments were lost for lack of room, or -errno.
 *
 *     +------------+---------------------------+------------+---- ...
 *     | length u32 | packet, from its IP header | length u32 |
 *     +------------+---------------------------+------------+---- ...
 *
 * A checksum that its sender had left to its network card (CHECKSUM_PARTIAL) is 0: whoever sends the segment on reckons it.
 */
int TakeSegments(int capture, std::vector<std::byte>& out);

}  // namespace godwit
