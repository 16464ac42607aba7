// Raw sockets (raw(7)), IPv4 and IPv6, and classic socket filters: protocol, address, peer, options, and what the filters let through.
// @family Internet sockets
// @root
// @turn raw-sockets
// @claim raw-protocol inet.raw
// @claim raw-connected inet.raw
// @claim raw-options inet.raw
// @claim raw-hdrincl inet.raw
// @claim raw-icmp-filter inet.raw
// @claim raw6-checksum inet.raw
// @claim raw6-icmp-filter inet.raw
// @claim raw-filter inet.filter
// @claim raw-filter-locked inet.filter
// @claim udp-filter inet.filter
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "workload.h"

#ifndef SO_LOCK_FILTER
#define SO_LOCK_FILTER 44
#endif

enum { EXPERIMENT = 253, OTHER = 254 };  // RFC 3692

static int raw_socket(int family, int protocol) {
  int fd = (int)MUST(socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol));
  struct timeval patience = {.tv_sec = 10};
  MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
  return fd;
}

// Lets through what has this byte at an offset from the beginning of what the socket sees.
static void attach(int fd, unsigned at, unsigned byte) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, byte, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog program = {.len = 4, .filter = code};
  MUST(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  MUST(getsockopt(fd, level, name, &value, &size));
  return value;
}

static int instructions(int fd, struct sock_filter* code, socklen_t room) {
  MUST(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, code, &room));
  return (int)room;
}

static struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {0x0100007f}};
static struct sockaddr_in6 here6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

// What comes behind the IPv4 header, of one byte.
static int heard(int fd) {
  unsigned char packet[200];
  long got = recv(fd, packet, sizeof packet, 0);
  return got < 0 ? -1 : packet[(packet[0] & 15) * 4];
}

static int waits(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

int main(void) {
  listen_for_stop();
  int own = raw_socket(AF_INET, EXPERIMENT), connected = raw_socket(AF_INET, EXPERIMENT);
  int header = raw_socket(AF_INET, IPPROTO_RAW), filtered = raw_socket(AF_INET, OTHER);
  int icmp = raw_socket(AF_INET, IPPROTO_ICMP), icmp6 = raw_socket(AF_INET6, IPPROTO_ICMPV6);
  int sums = raw_socket(AF_INET6, EXPERIMENT), udp = (int)MUST(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int ttl = 77, at = 2, one = 1;
  MUST(bind(connected, (struct sockaddr*)&here, sizeof here));
  MUST(connect(connected, (struct sockaddr*)&here, sizeof here));
  MUST(setsockopt(connected, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
  unsigned nothing = ~(1u << ICMP_TIMESTAMPREPLY);
  MUST(setsockopt(icmp, SOL_RAW, ICMP_FILTER, &nothing, sizeof nothing));
  struct icmp6_filter only;
  ICMP6_FILTER_SETBLOCKALL(&only);
  ICMP6_FILTER_SETPASS(ND_REDIRECT, &only);
  MUST(setsockopt(icmp6, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof only));
  MUST(setsockopt(sums, IPPROTO_IPV6, IPV6_CHECKSUM, &at, sizeof at));
  attach(filtered, 20, 'y');
  MUST(setsockopt(filtered, SOL_SOCKET, SO_LOCK_FILTER, &one, sizeof one));
  MUST(bind(udp, (struct sockaddr*)&here, sizeof here));
  attach(udp, 8, 'y');
  say_ready();
  wait_for_stop();

  MUST(send(connected, "a", 1, 0));
  PROVE("raw-protocol", 'a', heard(own));
  heard(connected);
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  MUST(getsockname(connected, (struct sockaddr*)&name, &size));
  PROVE("raw-connected", (long)here.sin_addr.s_addr, (long)name.sin_addr.s_addr);
  PROVE("raw-options", 77, option(connected, IPPROTO_IP, IP_TTL));

  struct {
    struct iphdr ip;
    char data;
  } packet = {.ip = {.version = 4, .ihl = 5, .ttl = 9, .protocol = EXPERIMENT}, .data = 'h'};
  packet.ip.saddr = packet.ip.daddr = here.sin_addr.s_addr;
  MUST(sendto(header, &packet, sizeof packet.ip + 1, 0, (struct sockaddr*)&here, sizeof here));
  PROVE("raw-hdrincl", 'h', heard(own));

  PROVE("raw-icmp-filter", (long)nothing, (long)(unsigned)option(icmp, SOL_RAW, ICMP_FILTER));
  struct icmp6_filter is;
  size = sizeof is;
  MUST(getsockopt(icmp6, IPPROTO_ICMPV6, ICMP6_FILTER, &is, &size));
  PROVE("raw6-icmp-filter", 0, memcmp(&is, &only, sizeof is));
  MUST(sendto(sums, "12\0\0", 4, 0, (struct sockaddr*)&here6, sizeof here6));
  unsigned char sum[4] = {0};
  EXPECT("bytes", 4, MUST(recv(sums, sum, sizeof sum, 0)));
  PROVE("raw6-checksum", 1, option(sums, IPPROTO_IPV6, IPV6_CHECKSUM) == 2 && (sum[2] | sum[3]) != 0);

  int sender = raw_socket(AF_INET, OTHER);
  MUST(sendto(sender, "n", 1, 0, (struct sockaddr*)&here, sizeof here));
  MUST(sendto(sender, "y", 1, 0, (struct sockaddr*)&here, sizeof here));
  int first = heard(filtered);
  PROVE("raw-filter", 'y', waits(filtered) ? -1 : first);
  struct sock_filter code[16];
  int off = setsockopt(filtered, SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof one);
  PROVE("raw-filter-locked", 4, off == -1 && errno == EPERM ? instructions(filtered, code, 16) : -1);
  size = sizeof name;
  MUST(getsockname(udp, (struct sockaddr*)&name, &size));
  MUST(sendto(udp, "no", 2, 0, (struct sockaddr*)&name, size));
  MUST(sendto(udp, "yes", 3, 0, (struct sockaddr*)&name, size));
  char text[8] = {0};
  MUST(recv(udp, text, sizeof text, 0));
  PROVE("udp-filter", 'y', waits(udp) ? -1 : text[0]);
  return say_ok();
}
