#include "sys/segments.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "sys/fd.h"

namespace godwit {
namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
// Of each protocol: the least length, and where its checksum is.
struct Layout {
  std::size_t header;
  std::size_t checksum;
};
constexpr Layout kTcp = {20, 16};
constexpr Layout kUdp = {8, 6};
constexpr unsigned kFragment = 0x3fff;  // more fragments, or an offset

unsigned Byte(std::span<const std::byte> bytes, std::size_t at) {
  return std::to_integer<unsigned>(bytes[at]);
}

// RFC 1071; the sum of 16-bit words, not yet folded.
std::uint64_t Sum(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) sum += Byte(bytes, at) << 8 | Byte(bytes, at + 1);
  if (bytes.size() % 2 != 0) sum += Byte(bytes, bytes.size() - 1) << 8;
  return sum;
}

std::uint64_t Folded(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// `addresses`: of both ends, as they stand in the IP header; they and the length are the pseudo header.
void FillChecksum(std::span<std::byte> payload, std::span<const std::byte> addresses, unsigned protocol,
                  std::size_t at) {
  std::uint64_t sum = Folded(Sum(payload) + Sum(addresses) + protocol + payload.size()) ^ 0xffff;
  if (sum == 0 && protocol == IPPROTO_UDP) sum = 0xffff;  // 0 is for "none" there
  payload[at] = static_cast<std::byte>(sum >> 8);
  payload[at + 1] = static_cast<std::byte>(sum & 0xff);
}

// Of IPv4, where it is 0: who makes a packet for a raw socket leaves it to the kernel (raw(7)).
void FillHeaderChecksum(std::span<std::byte> header) {
  constexpr std::size_t kAt = 10;
  if (Byte(header, 0) >> 4 != 4 || header[kAt] != std::byte{0} || header[kAt + 1] != std::byte{0}) return;
  const std::uint64_t sum = Folded(Sum(header)) ^ 0xffff;
  header[kAt] = static_cast<std::byte>(sum >> 8);
  header[kAt + 1] = static_cast<std::byte>(sum & 0xff);
}

// Of a packet: where its payload begins, and where both addresses are. 0 or -errno.
struct Place {
  std::size_t header;
  std::size_t addresses;
  std::size_t address;  // bytes of one
  unsigned protocol;
  bool whole;
};

int PlaceOf(std::span<const std::byte> packet, Place& out) {
  const unsigned version = packet.empty() ? 0 : Byte(packet, 0) >> 4;
  if (version == 6) {
    out = {kIpv6Header, 8, 16, packet.size() > 6 ? Byte(packet, 6) : 0, true};
    return packet.size() < kIpv6Header ? -EBADMSG : 0;
  }
  if (version != 4 || packet.size() < kIpv4Header) return -EBADMSG;
  const std::size_t header = std::size_t{Byte(packet, 0) & 15} * 4;
  if (header < kIpv4Header || packet.size() < header) return -EBADMSG;
  const bool whole = ((Byte(packet, 6) << 8 | Byte(packet, 7)) & kFragment) == 0;
  out = {header, 12, 4, Byte(packet, 9), whole};
  return 0;
}

class Sender {
 public:
  /** 0 or -errno. */
  int Send(std::span<std::byte> packet) {
    Place place{};
    const int error = PlaceOf(packet, place);
    if (error != 0) return error;
    const int complete = CompleteChecksum(packet);
    if (complete != 0) return complete;
    const auto* target = &packet[place.addresses + place.address];
    if (place.address == 16) {
      sockaddr_in6 to{};
      to.sin6_family = AF_INET6;
      std::memcpy(&to.sin6_addr, target, sizeof to.sin6_addr);
      return Out(v6_, AF_INET6, packet, &to, sizeof to);
    }
    sockaddr_in to{};
    to.sin_family = AF_INET;
    std::memcpy(&to.sin_addr, target, sizeof to.sin_addr);
    return Out(v4_, AF_INET, packet, &to, sizeof to);
  }

 private:
  static int Out(Fd& fd, int family, std::span<const std::byte> packet, const void* to, socklen_t length) {
    // IPPROTO_RAW: the packet brings its IP header along (raw(7); net/ipv6/af_inet6.c).
    if (!fd.valid()) fd = Fd(socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
    if (!fd.valid()) return -errno;
    const ssize_t sent = sendto(fd.get(), packet.data(), packet.size(), MSG_DONTWAIT,
                                static_cast<const sockaddr*>(to), length);
    return sent < 0 ? -errno : 0;
  }

  Fd v4_;
  Fd v6_;
};

}  // namespace

int CompleteChecksum(std::span<std::byte> packet) {
  Place place{};
  const int error = PlaceOf(packet, place);
  if (error != 0) return error;
  FillHeaderChecksum(packet.first(place.header));
  if (!place.whole || (place.protocol != IPPROTO_TCP && place.protocol != IPPROTO_UDP)) return 0;
  const auto payload = packet.subspan(place.header);
  const auto [header, at] = place.protocol == IPPROTO_TCP ? kTcp : kUdp;
  if (payload.size() < header || payload[at] != std::byte{0} || payload[at + 1] != std::byte{0}) return 0;
  FillChecksum(payload, packet.subspan(place.addresses, 2 * place.address), place.protocol, at);
  return 0;
}

int ForEachPacket(std::span<const std::byte> packets, const std::function<int(std::span<std::byte>)>& work) {
  std::vector<std::byte> packet;
  int failed = 0;
  for (std::size_t at = 0; at < packets.size();) {
    std::uint32_t length = 0;
    if (packets.size() - at < sizeof length) return -EBADMSG;
    std::memcpy(&length, &packets[at], sizeof length);
    at += sizeof length;
    if (length > packets.size() - at) return -EBADMSG;
    packet.assign(packets.begin() + static_cast<std::ptrdiff_t>(at),
                  packets.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
    if (work(packet) != 0) failed++;
  }
  return failed;
}

int BringSegments(std::span<const std::byte> segments) {
  Sender sender;
  return ForEachPacket(segments, [&sender](std::span<std::byte> packet) { return sender.Send(packet); });
}

}  // namespace godwit
