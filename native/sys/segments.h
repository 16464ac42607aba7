// TCP segments, and UDP datagrams, brought to sockets of this host as if the network had brought them: by raw sockets (raw(7), CAP_NET_RAW), on the way
// over the loopback interface, whoever they are from.
#pragma once

#include <cstddef>
#include <span>

namespace godwit {

/**
 * As TakeSegments (sys/capture.h) lays them out. A checksum of 0 is reckoned. Returns how many could not be brought, or -errno;
 * -EBADMSG: they are not laid out so. Preconditions: the addresses that they are for are here.
 */
int BringSegments(std::span<const std::byte> segments);

}  // namespace godwit
