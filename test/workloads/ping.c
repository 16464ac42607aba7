// ICMP echo sockets (icmp(7), ping_group_range): their identifiers, peers and options; the kernel answers them afterwards.
// @family Internet sockets
// @claim ping-identifier inet.ping
// @claim ping-connected inet.ping
// @claim ping-ttl inet.ping
// @claim ping-unbound inet.ping
// @claim ping-answered inet.ping
// @claim ping6-identifier inet.ping
// @claim ping6-answered inet.ping
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "workload.h"

static int echo_socket(int family) {
  int fd =
      (int)MUST(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6));
  struct timeval patience = {.tv_sec = 10};
  MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
  return fd;
}

static unsigned identifier_of(int fd) {
  struct sockaddr_in6 address = {0};  // ports are at the same place
  socklen_t size = sizeof address;
  MUST(getsockname(fd, (struct sockaddr*)&address, &size));
  return ntohs(address.sin6_port);
}

// What the answer to "ask" says, or -1.
static int answer(int fd, int type, const struct sockaddr* to, socklen_t size) {
  struct icmphdr header = {.type = (unsigned char)type, .un.echo.sequence = htons(7)};
  char packet[64] = {0}, reply[64] = {0};
  memcpy(packet, &header, sizeof header);
  memcpy(packet + sizeof header, "ask", 4);
  if (to == NULL) EXPECT("sent", sizeof header + 4, MUST(send(fd, packet, sizeof header + 4, 0)));
  else EXPECT("sent", sizeof header + 4, MUST(sendto(fd, packet, sizeof header + 4, 0, to, size)));
  EXPECT("bytes", sizeof header + 4, MUST(recv(fd, reply, sizeof reply, 0)));
  memcpy(&header, reply, sizeof header);
  if (strcmp(reply + sizeof header, "ask") != 0 || ntohs(header.un.echo.sequence) != 7) return -1;
  return ntohs(header.un.echo.id) == identifier_of(fd) ? header.type : -1;
}

int main(void) {
  listen_for_stop();
  int four = echo_socket(AF_INET), six = echo_socket(AF_INET6), unbound = echo_socket(AF_INET), ttl = 33;
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 here6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  MUST(connect(four, (struct sockaddr*)&here, sizeof here));
  MUST(setsockopt(four, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl));
  EXPECT("an answer", ICMP_ECHOREPLY, answer(four, ICMP_ECHO, NULL, 0));
  EXPECT("an answer", ICMP6_ECHO_REPLY,
         answer(six, ICMP6_ECHO_REQUEST, (struct sockaddr*)&here6, sizeof here6));
  unsigned was = identifier_of(four), was6 = identifier_of(six);
  say_ready();
  wait_for_stop();
  PROVE("ping-identifier", was, identifier_of(four));
  PROVE("ping-connected", ICMP_ECHOREPLY, answer(four, ICMP_ECHO, NULL, 0));
  ttl = 0;
  socklen_t size = sizeof ttl;
  MUST(getsockopt(four, IPPROTO_IP, IP_TTL, &ttl, &size));
  PROVE("ping-ttl", 33, ttl);
  PROVE("ping-unbound", 0, identifier_of(unbound));
  PROVE("ping-answered", ICMP_ECHOREPLY, answer(unbound, ICMP_ECHO, (struct sockaddr*)&here, sizeof here));
  PROVE("ping6-identifier", was6, identifier_of(six));
  PROVE("ping6-answered", ICMP6_ECHO_REPLY,
        answer(six, ICMP6_ECHO_REQUEST, (struct sockaddr*)&here6, sizeof here6));
  return say_ok();
}
