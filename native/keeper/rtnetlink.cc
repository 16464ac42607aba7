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
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "sys/fd.h"

namespace godwit {
namespace {

constexpr std::size_t kMac = 6;

int Put(std::uint16_t type, std::string_view message) {
  const Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) return -errno;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(message.size()));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  iovec parts[2] = {{&header, sizeof header}, {const_cast<char*>(message.data()), message.size()}};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr request{};
  request.msg_name = &kernel;
  request.msg_namelen = sizeof kernel;
  request.msg_iov = parts;
  request.msg_iovlen = 2;
  if (sendmsg(fd.get(), &request, 0) < 0) return -errno;
  // The kernel has answered when sendmsg returns.
  alignas(nlmsghdr) std::array<char, 4096> reply;
  const ssize_t got = recv(fd.get(), reply.data(), reply.size(), MSG_DONTWAIT);
  if (got < 0) return -errno;
  const auto* answer = reinterpret_cast<const nlmsghdr*>(reply.data());
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) || answer->nlmsg_type != NLMSG_ERROR)
    return -EPROTO;
  const int error = static_cast<const nlmsgerr*>(NLMSG_DATA(answer))->error;
  return error == -EEXIST ? 0 : error;
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

}  // namespace

int PutAddress(std::string_view message) { return Put(RTM_NEWADDR, message); }

void AnnounceAddress(std::string_view message) {
  Told told;
  if (!Read(message, told)) return;
  if (told.family == AF_INET) AnnounceByArp(told);
  if (told.family == AF_INET6) AnnounceByAdvertisement(told);
}

int PutRoute(std::string_view message) { return Put(RTM_NEWROUTE, message); }

}  // namespace godwit
