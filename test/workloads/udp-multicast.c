// UDP sockets that have joined multicast groups: members, and sockets on the same port that are none; source filters of both
// kinds; IPv4, IPv6, and IPv4 groups of an IPv6 socket. What is sent to the groups after the stop shows who is a member.
// IPv4 goes by lo. IPv6 has no multicast route there: it goes by the first other interface, whose address, the sender's, is
// another one on each host; so filters of IPv6 are asked for as well.
// @family Internet sockets
// @claim multicast-member inet.multicast
// @claim multicast-no-member inet.multicast
// @claim multicast-two-groups inet.multicast
// @claim multicast-all-hosts inet.multicast
// @claim multicast-include inet.multicast
// @claim multicast-exclude inet.multicast
// @claim multicast-leave inet.multicast
// @claim multicast-interface inet.udp-options
// @claim multicast6-member inet.multicast
// @claim multicast6-no-member inet.multicast
// @claim multicast6-include inet.multicast
// @claim multicast6-exclude inet.multicast
// @claim multicast6-of-v4 inet.multicast
// @claim multicast6-leave inet.multicast
// @claim multicast6-interface inet.udp-options
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "workload.h"

#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

static const char one[] = "239.77.1.1", two[] = "239.77.1.2", filtered[] = "239.77.1.3", six[] = "ff15::77:1",
                  six_filtered[] = "ff15::77:2";
static unsigned lo, link6;
static char link6_name[IF_NAMESIZE];
static in_port_t port;

static struct sockaddr_storage address(const char* host, in_port_t at) {
  struct sockaddr_storage storage = {0};
  struct sockaddr_in* v4 = (struct sockaddr_in*)&storage;
  struct sockaddr_in6* v6 = (struct sockaddr_in6*)&storage;
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = at;
    return storage;
  }
  EXPECT(host, 1, inet_pton(AF_INET6, host, &v6->sin6_addr));
  v6->sin6_family = AF_INET6;
  v6->sin6_port = at;
  return storage;
}
static int level_of(const char* group) { return strchr(group, ':') == NULL ? IPPROTO_IP : IPPROTO_IPV6; }
static void set(int fd, int level, int option, int value) {
  MUST(setsockopt(fd, level, option, &value, sizeof value));
}

// Bound to one port, all of them; gets only what its own memberships let through.
static int receiver(int family) {
  int fd = (int)MUST(socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  if (family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  struct sockaddr_storage any = address(family == AF_INET ? "0.0.0.0" : "::", port);
  MUST(bind(fd, (struct sockaddr*)&any, sizeof any));
  socklen_t size = sizeof any;
  MUST(getsockname(fd, (struct sockaddr*)&any, &size));
  port = ((struct sockaddr_in*)&any)->sin_port;
  return fd;
}
static int sender(const char* host) {
  struct sockaddr_storage from = address(host, 0);
  int fd = (int)MUST(socket(from.ss_family, SOCK_DGRAM, 0));
  MUST(bind(fd, (struct sockaddr*)&from, sizeof from));
  if (from.ss_family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)link6);
  else
    MUST(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &((struct sockaddr_in*)&from)->sin_addr,
                    sizeof(struct in_addr)));
  return fd;
}
static unsigned interface_of(const char* group) { return level_of(group) == IPPROTO_IP ? lo : link6; }
static int member(int fd, int option, const char* group) {
  struct group_req request = {.gr_interface = interface_of(group), .gr_group = address(group, 0)};
  return setsockopt(fd, level_of(group), option, &request, sizeof request);
}
static void with_source(int fd, int option, const char* group, const char* source) {
  struct group_source_req request = {
      .gsr_interface = interface_of(group), .gsr_group = address(group, 0), .gsr_source = address(source, 0)};
  MUST(setsockopt(fd, level_of(group), option, &request, sizeof request));
}

static void send_to(int fd, const char* group) {
  struct sockaddr_storage to = address(group, port);
  // A new link has no address of IPv6 in its first seconds.
  for (int i = 0; i < 500; i++) {
    if (sendto(fd, "data", 4, 0, (struct sockaddr*)&to, sizeof to) == 4) return;
    usleep(10000);
  }
  fail("sendto %s: expected 4 got %s", group, strerror(errno));
}
static bool has_filter(int fd, const char* group, uint32_t mode, const char* source) {
  union {
    struct group_filter filter;
    char room[1024];
  } is = {.filter = {.gf_interface = link6, .gf_group = address(group, 0), .gf_numsrc = 3}};
  socklen_t size = sizeof is;
  MUST(getsockopt(fd, IPPROTO_IPV6, MCAST_MSFILTER, &is, &size));
  struct sockaddr_storage wanted = address(source, 0);
  return is.filter.gf_fmode == mode && is.filter.gf_numsrc == 1 &&
         memcmp(&((struct sockaddr_in6*)&is.filter.gf_slist[0])->sin6_addr,
                &((struct sockaddr_in6*)&wanted)->sin6_addr, sizeof(struct in6_addr)) == 0;
}
// 0: there is none, or no IPv6.
static unsigned find_link6(void) {
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  struct if_nameindex* all = if_nameindex();
  unsigned found = 0;
  for (struct if_nameindex* i = all; fd != -1 && found == 0 && i != NULL && i->if_index != 0; i++) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", i->if_name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) == -1) continue;
    const int wanted = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
    if ((request.ifr_flags & (wanted | IFF_LOOPBACK)) == wanted) found = i->if_index;
  }
  if_freenameindex(all);
  if (fd != -1) close(fd);
  return found;
}
// How many datagrams wait: what lo carries is there when sendto returns, or soon.
static int got(int fd, int wanted) {
  int count = 0;
  char bytes[16];
  struct pollfd pollfd = {.fd = fd, .events = POLLIN};
  while (poll(&pollfd, 1, count < wanted ? 2000 : 20) == 1 && read(fd, bytes, sizeof bytes) == 4) count++;
  return count;
}

int main(void) {
  listen_for_stop();
  lo = if_nametoindex("lo");
  int in_one = receiver(AF_INET), in_none = receiver(AF_INET), in_both = receiver(AF_INET),
      in_hosts = receiver(AF_INET), include = receiver(AF_INET), exclude = receiver(AF_INET);
  MUST(member(in_one, MCAST_JOIN_GROUP, one));
  MUST(member(in_both, MCAST_JOIN_GROUP, one));
  MUST(member(in_both, MCAST_JOIN_GROUP, two));
  MUST(member(in_hosts, MCAST_JOIN_GROUP, "224.0.0.1"));
  with_source(include, MCAST_JOIN_SOURCE_GROUP, filtered, "127.0.0.5");
  with_source(include, MCAST_JOIN_SOURCE_GROUP, filtered, "127.0.0.9");
  MUST(member(exclude, MCAST_JOIN_GROUP, filtered));
  with_source(exclude, MCAST_BLOCK_SOURCE, filtered, "127.0.0.5");
  int five = sender("127.0.0.5"), seven = sender("127.0.0.7");
  link6 = find_link6();
  bool has6 = link6 != 0;
  if (has6) MUST(if_indextoname(link6, link6_name) == NULL ? -1 : 0);
  int in_six = -1, in_no_six = -1, include6 = -1, exclude6 = -1, of_v4 = -1, six_sender = -1;
  if (has6) {
    in_six = receiver(AF_INET6), in_no_six = receiver(AF_INET6), include6 = receiver(AF_INET6);
    exclude6 = receiver(AF_INET6), of_v4 = receiver(AF_INET6), six_sender = sender("::");
    MUST(member(in_six, MCAST_JOIN_GROUP, six));
    with_source(include6, MCAST_JOIN_SOURCE_GROUP, six_filtered, "fd00::5");
    MUST(member(exclude6, MCAST_JOIN_GROUP, six_filtered));
    with_source(exclude6, MCAST_BLOCK_SOURCE, six_filtered, "fd00::5");
    MUST(member(of_v4, MCAST_JOIN_GROUP, two));
  }
  say_ready();
  wait_for_stop();

  // Its index may be another one by now.
  if (has6) link6 = if_nametoindex(link6_name);
  send_to(five, one);
  PROVE("multicast-member", 1, got(in_one, 1));
  PROVE("multicast-no-member", 0, got(in_none, 0));
  send_to(five, two);
  PROVE("multicast-two-groups", 2, got(in_both, 2));
  send_to(five, "224.0.0.1");
  PROVE("multicast-all-hosts", 1, got(in_hosts, 1));
  send_to(five, filtered);
  send_to(five, filtered);
  send_to(seven, filtered);
  PROVE("multicast-include", 2, got(include, 2));
  PROVE("multicast-exclude", 1, got(exclude, 1));
  claim("multicast-leave");
  MUST(member(in_one, MCAST_LEAVE_GROUP, one));
  send_to(five, one);
  EXPECT("of one that has left", 0, got(in_one, 0));
  EXPECT("of the other", 1, got(in_both, 1));
  EXPECT("again", -1, member(in_one, MCAST_LEAVE_GROUP, one));
  struct in_addr from = {0};
  socklen_t size = sizeof from;
  MUST(getsockopt(seven, IPPROTO_IP, IP_MULTICAST_IF, &from, &size));
  PROVE("multicast-interface", inet_addr("127.0.0.7"), from.s_addr);
  if (has6) {
    send_to(six_sender, six);
    send_to(six_sender, six_filtered);
  }
  PROVE("multicast6-member", has6, has6 ? got(in_six, 1) : 0);
  PROVE("multicast6-no-member", 0, has6 ? got(in_no_six, 0) : 0);
  claim("multicast6-include");
  EXPECT("of others", 0, has6 ? got(include6, 0) : 0);
  EXPECT("its filter", has6, has6 && has_filter(include6, six_filtered, MCAST_INCLUDE, "fd00::5"));
  claim("multicast6-exclude");
  EXPECT("of others", has6, has6 ? got(exclude6, 1) : 0);
  EXPECT("its filter", has6, has6 && has_filter(exclude6, six_filtered, MCAST_EXCLUDE, "fd00::5"));
  PROVE("multicast6-of-v4", has6, has6 ? got(of_v4, 1) : 0);
  claim("multicast6-leave");
  if (has6) {
    MUST(member(in_six, MCAST_LEAVE_GROUP, six));
    send_to(six_sender, six);
    EXPECT("of one that has left", 0, got(in_six, 0));
  }
  int interface = 0;
  size = sizeof interface;
  if (has6) MUST(getsockopt(six_sender, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, &size));
  char name[IF_NAMESIZE] = "";
  prove_text("multicast6-interface", link6_name, has6 ? if_indextoname((unsigned)interface, name) : "");
  return say_ok();
}
