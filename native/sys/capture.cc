#include "sys/capture.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace godwit {
namespace {

constexpr std::size_t kMostAddresses = 64;
constexpr std::size_t kMostPorts = 1500;    // a filter has 4096 instructions (BPF_MAXINSNS)
constexpr int kRoom = 64 << 20;             // bytes of segments that wait to be taken
constexpr std::size_t kLargest = 1U << 18;  // of one segment: GRO merges to 64 KiB, or what BIG TCP allows
constexpr std::uint32_t kTcp = 6;
constexpr std::uint32_t kUdp = 17;
constexpr std::uint32_t kAccept = 0xffffffff;
constexpr std::size_t kChecksumInTcp = 16;
constexpr std::size_t kChecksumInUdp = 6;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kLeastMtu = 1280;  // RFC 8200

std::uint32_t WordAt(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, &bytes[at], sizeof word);
  return ntohl(word);
}

// Goes on where the port of destination is one of these.
void OnlyTo(std::span<const std::uint16_t> ports, bool v4, std::vector<sock_filter>& code) {
  if (v4) {
    code.push_back(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0));  // the length of the IP header
    code.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2));
  } else {
    code.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kIpv6Header + 2));
  }
  // Conditional jumps reach 255 instructions at most, these as far as there are some (JA).
  for (std::size_t i = 0; i < ports.size(); i++) {
    const auto left = static_cast<std::uint32_t>(2 * (ports.size() - i) - 1);
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i], 0, 1));
    code.push_back(BPF_STMT(BPF_JMP | BPF_JA, left));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
}

// Offsets count from the IP header: a SOCK_DGRAM socket sees no frame.
std::vector<sock_filter> FilterFor(int family, std::span<const std::byte> addresses,
                                   std::span<const std::uint16_t> ports) {
  const bool v4 = family == AF_INET;
  const std::size_t length = v4 ? 4 : 16;
  const auto ignore_unless = [](std::vector<sock_filter>& to, std::uint32_t value) {
    to.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
    to.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  };
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)));
  ignore_unless(code, PACKET_HOST);
  code.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_ABS, v4 ? 9U : 6U));
  if (ports.empty()) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kTcp, 1, 0));
    ignore_unless(code, kUdp);
  } else {
    ignore_unless(code, kTcp);
    OnlyTo(ports, v4, code);
  }
  for (std::size_t at = 0; at + length <= addresses.size(); at += length) {
    const std::size_t words = length / 4;
    for (std::size_t word = 0; word < words; word++) {
      code.push_back(
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>((v4 ? 16 : 24) + 4 * word)));
      const auto left = static_cast<std::uint8_t>(2 * (words - word - 1) + 1);  // to the next address
      code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WordAt(addresses, at + 4 * word), 0, left));
    }
    code.push_back(BPF_STMT(BPF_RET | BPF_K, kAccept));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  return code;
}

bool LacksChecksum(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_PACKET || header->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata about{};
    std::memcpy(&about, CMSG_DATA(header), sizeof about);
    return (about.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
  }
  return false;
}

bool IsV4(std::span<const std::byte> packet) { return std::to_integer<unsigned>(packet[0]) >> 4 == 4; }

bool IsUdp(std::span<const std::byte> packet) {
  return std::to_integer<std::uint32_t>(packet[IsV4(packet) ? 9 : 6]) == kUdp;
}

void ClearChecksum(std::span<std::byte> packet) {
  const std::size_t header = IsV4(packet) ? (std::to_integer<std::size_t>(packet[0]) & 15) * 4 : kIpv6Header;
  const std::size_t at = header + (IsUdp(packet) ? kChecksumInUdp : kChecksumInTcp);
  if (packet.size() < at + 2) return;
  packet[at] = packet[at + 1] = std::byte{0};
}

// Datagrams that their sender, on a virtual link, has handed over as one (UDP_SEGMENT): nothing here tells where to cut them.
bool IsSeveral(int capture, std::span<const std::byte> packet, int interface) {
  if (!IsUdp(packet) || packet.size() <= kLeastMtu) return false;
  ifreq request{};
  request.ifr_ifindex = interface;
  if (ioctl(capture, SIOCGIFNAME, &request) < 0 || ioctl(capture, SIOCGIFMTU, &request) < 0) return false;
  return packet.size() > static_cast<std::size_t>(request.ifr_mtu);
}

int Lost(int capture) {
  tpacket_stats stats{};
  socklen_t length = sizeof stats;
  if (getsockopt(capture, SOL_PACKET, PACKET_STATISTICS, &stats, &length) < 0) return -errno;
  return static_cast<int>(stats.tp_drops);
}

}  // namespace

int NarrowCapture(int capture, int family, std::span<const std::byte> addresses,
                  std::span<const std::uint16_t> ports) {
  const std::size_t length = family == AF_INET ? 4 : 16;
  if (addresses.empty() || addresses.size() % length != 0) return -EINVAL;
  if (addresses.size() / length > kMostAddresses) return -E2BIG;
  if (ports.size() > kMostPorts) ports = {};
  std::vector<sock_filter> code = FilterFor(family, addresses, ports);
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return setsockopt(capture, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

int OpenCapture(int family, std::span<const std::byte> addresses, Fd& out) {
  // Without a protocol it hears nothing until it is bound, and what it hears then is filtered already.
  Fd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return -errno;
  const int filtered = NarrowCapture(fd.get(), family, addresses, {});
  if (filtered < 0) return filtered;
  const int yes = 1;
  if (setsockopt(fd.get(), SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes) < 0) return -errno;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom) < 0)
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kRoom, sizeof kRoom);
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0) return -errno;
  out = std::move(fd);
  return 0;
}

int TakeSegments(int capture, std::vector<std::byte>& out) {
  static thread_local std::vector<std::byte> packet(kLargest);
  for (;;) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(tpacket_auxdata))] = {};
    iovec part{packet.data(), packet.size()};
    sockaddr_ll from{};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(capture, &message, MSG_DONTWAIT);
    const int error = got < 0 ? errno : 0;
    if (got <= 0 || (message.msg_flags & MSG_TRUNC) != 0) {
      if (error == EAGAIN) return Lost(capture);
      // ENETDOWN: an interface went down, which does not matter for the others.
      if (got >= 0 || error == EINTR || error == ENETDOWN) continue;
      return -error;
    }
    const auto length = static_cast<std::uint32_t>(got);
    if (length < kIpv4Header || IsSeveral(capture, std::span(packet).first(length), from.sll_ifindex))
      continue;
    if (LacksChecksum(message)) ClearChecksum(std::span(packet).first(length));
    const auto* prefix = reinterpret_cast<const std::byte*>(&length);
    out.insert(out.end(), prefix, prefix + sizeof length);
    out.insert(out.end(), packet.begin(), packet.begin() + got);
  }
}

}  // namespace godwit
