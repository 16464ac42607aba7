// Netlink sockets: a port of the kernel's choice and one of the program's, groups below and above 32, options; questions to the
// kernel that are answered afterwards.
// @family Internet sockets
// @claim netlink-own-port inet.netlink
// @claim netlink-port inet.netlink
// @claim netlink-no-port inet.netlink
// @claim netlink-groups inet.netlink
// @claim netlink-high-group inet.netlink
// @claim netlink-options inet.netlink
// @claim netlink-buffer inet.netlink
// @claim netlink-device-events inet.netlink
// @claim netlink-answers inet.netlink
// @claim netlink-diagnosis inet.netlink
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "workload.h"

static int opened(int protocol, unsigned port, unsigned groups) {
  int fd = (int)MUST(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_pid = port, .nl_groups = groups};
  MUST(bind(fd, (struct sockaddr*)&address, sizeof address));
  return fd;
}

static struct sockaddr_nl address_of(int fd) {
  struct sockaddr_nl address = {0};
  socklen_t size = sizeof address;
  MUST(getsockname(fd, (struct sockaddr*)&address, &size));
  return address;
}

static int get(int fd, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  MUST(getsockopt(fd, level, option, &value, &size));
  return value;
}

static bool hears(int fd, unsigned group) {
  unsigned groups[16] = {0};
  socklen_t size = sizeof groups;
  MUST(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &size));
  return (groups[(group - 1) / 32] >> ((group - 1) % 32) & 1) != 0;
}

// Asks for all there is, and counts the messages of the answer that are for this port; -1: one is not.
static int ask(int fd, unsigned short type, const void* question, size_t size) {
  struct {
    struct nlmsghdr header;
    char body[128];
  } request = {.header = {.nlmsg_len = (unsigned)NLMSG_LENGTH(size),
                          .nlmsg_type = type,
                          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                          .nlmsg_seq = 77}};
  memcpy(NLMSG_DATA(&request.header), question, size);
  EXPECT("bytes", request.header.nlmsg_len, MUST(send(fd, &request, request.header.nlmsg_len, 0)));
  unsigned port = address_of(fd).nl_pid;
  int seen = 0;
  for (;;) {
    static _Alignas(struct nlmsghdr) char answer[65536];
    int left = (int)MUST(recv(fd, answer, sizeof answer, 0));
    for (struct nlmsghdr* at = (struct nlmsghdr*)answer; NLMSG_OK(at, (unsigned)left);
         at = NLMSG_NEXT(at, left)) {
      if (at->nlmsg_seq != 77 || at->nlmsg_pid != port || at->nlmsg_type == NLMSG_ERROR) return -1;
      if (at->nlmsg_type == NLMSG_DONE) return seen;
      seen++;
    }
  }
}

static int asker;
static void ask_on(void) {
  struct ifinfomsg links = {.ifi_family = AF_UNSPEC};
  EXPECT("links", 1, ask(asker, RTM_GETLINK, &links, sizeof links) > 0);
}

int main(void) {
  listen_for_stop();
  int one = opened(NETLINK_ROUTE, 0, 0), chosen = opened(NETLINK_ROUTE, 0x7a000000u + (unsigned)getpid(), 0);
  int none = (int)MUST(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE));
  int events = opened(NETLINK_ROUTE, 0, RTMGRP_LINK), devices = opened(NETLINK_KOBJECT_UEVENT, 0, 1);
  int diagnosis = opened(NETLINK_SOCK_DIAG, 0, 0);
  int high = RTNLGRP_NEXTHOP > 32 ? RTNLGRP_NEXTHOP : 33, on = 1, room = 100000;
  int watcher = opened(NETLINK_ROUTE, 0, 0);
  MUST(setsockopt(watcher, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &high, sizeof high));
  for (int option = NETLINK_PKTINFO; option <= NETLINK_NO_ENOBUFS; option++)
    MUST(setsockopt(one, SOL_NETLINK, option, &on, sizeof on));
  MUST(setsockopt(one, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on));
  MUST(setsockopt(one, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on));
  MUST(setsockopt(events, SOL_SOCKET, SO_RCVBUF, &room, sizeof room));
  int buffer = get(events, SOL_SOCKET, SO_RCVBUF);
  struct sockaddr_nl was = address_of(one), was_chosen = address_of(chosen), was_events = address_of(events);
  asker = chosen;
  motion = ask_on;
  say_ready();
  wait_for_stop();
  PROVE("netlink-own-port", was.nl_pid, address_of(one).nl_pid);
  PROVE("netlink-port", was_chosen.nl_pid, address_of(chosen).nl_pid);
  PROVE("netlink-no-port", 0, address_of(none).nl_pid);
  PROVE("netlink-groups", was_events.nl_groups, address_of(events).nl_groups);
  PROVE("netlink-high-group", 1, hears(watcher, (unsigned)high) && !hears(watcher, 1));
  claim("netlink-options");
  for (int option = NETLINK_PKTINFO; option <= NETLINK_NO_ENOBUFS; option++)
    EXPECT("option", 1, get(one, SOL_NETLINK, option));
  EXPECT("extended acknowledgements", 1, get(one, SOL_NETLINK, NETLINK_EXT_ACK));
  EXPECT("strict checks", 1, get(one, SOL_NETLINK, NETLINK_GET_STRICT_CHK));
  EXPECT("of another one", 0, get(chosen, SOL_NETLINK, NETLINK_EXT_ACK));
  PROVE("netlink-buffer", buffer, get(events, SOL_SOCKET, SO_RCVBUF));
  PROVE("netlink-device-events", 1, address_of(devices).nl_groups);
  claim("netlink-answers");
  struct ifinfomsg links = {.ifi_family = AF_UNSPEC};
  EXPECT("links", 1, ask(one, RTM_GETLINK, &links, sizeof links) > 0);
  EXPECT("links by the other one", 1, ask(chosen, RTM_GETLINK, &links, sizeof links) > 0);
  claim("netlink-diagnosis");
  struct inet_diag_req_v2 sockets = {
      .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_UDP, .idiag_states = ~0u};
  EXPECT("sockets", 1, ask(diagnosis, SOCK_DIAG_BY_FAMILY, &sockets, sizeof sockets) >= 0);
  return say_ok();
}
