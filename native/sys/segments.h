// TCP segments, and UDP datagrams, sent in the name of whoever they are from, by raw sockets (raw(7), CAP_NET_RAW): those for this host
// go over the loopback interface, as if the network had brought them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace godwit {

/**
 * As TakeSegments (sys/capture.h) lays them out. A checksum of 0 is reckoned. Returns how many could not be sent, or -errno;
 * -EBADMSG: they are not laid out so.
 */
int BringSegments(std::span<const std::byte> segments);

/** Reckons the checksums of IPv4, and of TCP or UDP in a whole packet, where they are 0. 0, or -EBADMSG: it is no packet of IP. */
int CompleteChecksum(std::span<std::byte> packet);

/** `work` gets a copy of each, and returns 0 or -errno. Returns how many failed, or -EBADMSG. */
int ForEachPacket(std::span<const std::byte> packets, const std::function<int(std::span<std::byte>)>& work);

}  // namespace godwit
