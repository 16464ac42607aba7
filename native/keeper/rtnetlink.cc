#include "keeper/rtnetlink.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "sys/fd.h"

namespace godwit {
namespace {

constexpr std::size_t kMac = 6;
constexpr int kLocalWithinMs = 1000;

using Answer = std::array<char, 4096>;

/** Asks the kernel by a socket that nobody else uses; one message of its answer. Returns its length, or -errno. */
ssize_t AskBy(int fd, std::uint16_t type, std::uint16_t flags, std::string_view message, Answer& answer) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(message.size()));
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  iovec parts[2] = {{&header, sizeof header}, {const_cast<char*>(message.data()), message.size()}};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr request{};
  request.msg_name = &kernel;
  request.msg_namelen = sizeof kernel;
  request.msg_iov = parts;
  request.msg_iovlen = 2;
  if (sendmsg(fd, &request, 0) < 0) return -errno;
  // The kernel has answered when sendmsg returns.
  const ssize_t got = recv(fd, answer.data(), answer.size(), MSG_DONTWAIT);
  if (got < 0) return -errno;
  nlmsghdr about{};
  if (got < static_cast<ssize_t>(sizeof about)) return -EPROTO;
  std::memcpy(&about, answer.data(), sizeof about);
  if (about.nlmsg_type != NLMSG_ERROR) return got;
  nlmsgerr verdict{};
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof verdict))) return -EPROTO;
  std::memcpy(&verdict, &answer[NLMSG_HDRLEN], sizeof verdict);
  return verdict.error != 0 ? verdict.error : got;
}

ssize_t Ask(std::uint16_t type, std::uint16_t flags, std::string_view message, Answer& answer) {
  const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  return fd.valid() ? AskBy(fd.get(), type, flags, message, answer) : -errno;
}

int Put(std::uint16_t type, std::uint16_t how, std::string_view message) {
  Answer answer;
  const ssize_t done = Ask(type, static_cast<std::uint16_t>(NLM_F_ACK | NLM_F_CREATE | how), message, answer);
  return done >= 0 || done == -EEXIST ? 0 : static_cast<int>(done);
}

struct Told {
  int family = 0;
  unsigned interface = 0;
  std::string_view address;  // of this host: IFA_LOCAL where there is one
};

bool Read(std::string_view message, Told& out) {
  ifaddrmsg about{};
  if (message.size() < sizeof about) return false;
  std::memcpy(&about, message.data(), sizeof about);
  out.family = about.ifa_family;
  out.interface = about.ifa_index;
  const std::size_t length = about.ifa_family == AF_INET ? 4 : 16;
  for (std::size_t at = NLMSG_ALIGN(sizeof about); at + sizeof(rtattr) <= message.size();) {
    rtattr attribute{};
    std::memcpy(&attribute, &message[at], sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > message.size() - at) return false;
    const bool is_address =
        attribute.rta_type == IFA_LOCAL || (attribute.rta_type == IFA_ADDRESS && out.address.empty());
    if (is_address && attribute.rta_len == RTA_LENGTH(length))
      out.address = message.substr(at + RTA_LENGTH(0), length);
    at += RTA_ALIGN(attribute.rta_len);
  }
  return !out.address.empty();
}

bool EthernetAddress(int fd, unsigned interface, std::array<std::uint8_t, kMac>& mac) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(interface);
  if (ioctl(fd, SIOCGIFNAME, &request) < 0) return false;
  if (ioctl(fd, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return false;
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, kMac);
  return true;
}

struct [[gnu::packed]] Arp {  // RFC 826, for Ethernet and IPv4
  std::uint16_t hardware, protocol;
  std::uint8_t hardware_length, protocol_length;
  std::uint16_t operation;
  std::array<std::uint8_t, kMac> sender_mac;
  std::array<char, 4> sender;
  std::array<std::uint8_t, kMac> target_mac;
  std::array<char, 4> target;
};

void AnnounceByArp(const Told& told) {
  const Fd fd(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Arp arp{};
  if (!fd.valid() || !EthernetAddress(fd.get(), told.interface, arp.sender_mac)) return;
  arp.hardware = htons(ARPHRD_ETHER);
  arp.protocol = htons(ETH_P_IP);
  arp.hardware_length = kMac;
  arp.protocol_length = 4;
  std::memcpy(arp.sender.data(), told.address.data(), 4);
  arp.target = arp.sender;
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_ARP);
  to.sll_ifindex = static_cast<int>(told.interface);
  to.sll_halen = kMac;
  std::memset(to.sll_addr, 0xff, kMac);
  // Some take a request only, some a reply only.
  for (const int operation : {ARPOP_REQUEST, ARPOP_REPLY}) {
    arp.operation = htons(static_cast<std::uint16_t>(operation));
    if (operation == ARPOP_REPLY) arp.target_mac = arp.sender_mac;
    sendto(fd.get(), &arp, sizeof arp, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
}

struct Advertisement {  // RFC 4861 4.4, with the target's link-layer address
  nd_neighbor_advert about;
  nd_opt_hdr option;
  std::array<std::uint8_t, kMac> mac;
};

void AnnounceByAdvertisement(const Told& told) {
  const Fd fd(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  Advertisement message{};
  if (!fd.valid() || !EthernetAddress(fd.get(), told.interface, message.mac)) return;
  message.about.nd_na_type = ND_NEIGHBOR_ADVERT;
  message.about.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
  std::memcpy(&message.about.nd_na_target, told.address.data(), 16);
  message.option.nd_opt_type = ND_OPT_TARGET_LINKADDR;
  message.option.nd_opt_len = 1;
  const int hops = 255;
  setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
  sockaddr_in6 from{};
  from.sin6_family = AF_INET6;
  std::memcpy(&from.sin6_addr, told.address.data(), 16);
  from.sin6_scope_id = told.interface;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) return;
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_scope_id = told.interface;
  to.sin6_addr.s6_addr[0] = 0xff;  // ff02::1, all nodes of the link
  to.sin6_addr.s6_addr[1] = 2;
  to.sin6_addr.s6_addr[15] = 1;
  sendto(fd.get(), &message, sizeof message, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

/** Segments for it come to this host's sockets. */
bool IsLocal(const Told& told) {
  rtmsg about{};
  about.rtm_family = static_cast<unsigned char>(told.family);
  about.rtm_dst_len = static_cast<unsigned char>(told.address.size() * 8);
  rtattr attribute{};
  attribute.rta_type = RTA_DST;
  attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(told.address.size()));
  std::string message(reinterpret_cast<const char*>(&about), sizeof about);
  message.append(reinterpret_cast<const char*>(&attribute), sizeof attribute);
  message.append(told.address);
  Answer answer;
  const ssize_t got = Ask(RTM_GETROUTE, 0, message, answer);
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof about))) return false;
  std::memcpy(&about, &answer[NLMSG_HDRLEN], sizeof about);
  return about.rtm_type == RTN_LOCAL;
}

}  // namespace

int PutAddress(std::string_view message) {
  Told told;
  if (!Read(message, told)) return -EINVAL;
  if (const int error = Put(RTM_NEWADDR, NLM_F_EXCL, message); error != 0) return error;
  // The route of an IPv6 address comes from a work item (addrconf_dad_work), which a busy host may leave lying for a while.
  if (told.family != AF_INET6) return 0;
  for (int left = kLocalWithinMs; !IsLocal(told); left--) {
    if (left == 0) return -ETIMEDOUT;
    poll(nullptr, 0, 1);
  }
  return 0;
}

bool IsAddressHere(std::string_view message) {
  Told told;
  return Read(message, told) && IsLocal(told);
}

void AnnounceAddress(std::string_view message) {
  Told told;
  if (!Read(message, told)) return;
  if (told.family == AF_INET) AnnounceByArp(told);
  if (told.family == AF_INET6) AnnounceByAdvertisement(told);
}

// IPv6 routes stay when their source address goes, and lose but that (rt6_remove_prefsrc): they are replaced.
int PutRoute(std::string_view message) {
  const bool is_ipv6 = !message.empty() && message[0] == AF_INET6;
  return Put(RTM_NEWROUTE, is_ipv6 ? NLM_F_REPLACE : NLM_F_EXCL, message);
}

int GiveOrder(std::uint16_t type, std::string_view message, int by) {
  if (type != RTM_SETLINK && type != RTM_NEWADDR && type != RTM_NEWROUTE) return -EINVAL;
  const auto how =
      static_cast<std::uint16_t>(NLM_F_ACK | (type == RTM_SETLINK ? 0 : NLM_F_CREATE | NLM_F_EXCL));
  Answer answer;
  const ssize_t done = by < 0 ? Ask(type, how, message, answer) : AskBy(by, type, how, message, answer);
  return done >= 0 || done == -EEXIST ? 0 : static_cast<int>(done);
}

}  // namespace godwit
