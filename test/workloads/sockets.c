// Sockets that nobody talks through at the moment: unix ones by every way to a name, made connections; UDP bound and
// connected with options; TCP and MPTCP sockets before and after listen.
// @family Unix sockets
// @directory
// @claim unbound unix.unbound
// @claim bound-only unix.path
// @claim deleted-path unix.deleted-path
// @claim autobound unix.abstract
// @claim connection unix.connection
// @claim connection-queue unix.queue
// @claim listener-address unix.listener
// @claim listener-mode unix.listener
// @claim seqpacket-borders unix.seqpacket
// @claim seqpacket-end unix.half-shut
// @claim datagram-borders unix.datagram
// @claim receive-buffer unix.buffers
// @claim low-water unix.buffers
// @claim receive-timeout unix.buffers
// @claim udp-bound inet.udp
// @claim udp-connected inet.udp
// @claim udp-v6 inet.udp
// @claim udp-broadcast inet.udp-options
// @claim udp-ttl inet.udp-options
// @claim udp-tos inet.udp-options
// @claim udp-reuse inet.udp-options
// @claim udp-works inet.udp
// @claim tcp-unbound inet.tcp-options
// @claim tcp-defer inet.tcp-options
// @claim tcp-congestion inet.tcp-options
// @claim tcp-listens inet.tcp-listen
// @claim mptcp inet.mptcp
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "workload.h"

static struct sockaddr_un named(const char* name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, name);
  return address;
}
static int unix_at(const char* name, int type) {
  struct sockaddr_un address = named(name);
  int fd = (int)MUST(socket(AF_UNIX, type, 0));
  MUST(bind(fd, (struct sockaddr*)&address, sizeof address));
  return fd;
}
static void set(int fd, int level, int option, int value) {
  MUST(setsockopt(fd, level, option, &value, sizeof value));
}
static int get(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  if (getsockopt(fd, level, option, &value, &size) == -1) return -errno;
  return value;
}
static struct sockaddr_in6 address_of(int fd, bool peer) {
  struct sockaddr_in6 address = {0};
  socklen_t size = sizeof address;
  MUST(peer ? getpeername(fd, (struct sockaddr*)&address, &size)
            : getsockname(fd, (struct sockaddr*)&address, &size));
  return address;
}
static int bound(int family, int type, int protocol) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(family, type, protocol);
  if (fd == -1) return -1;
  MUST(family == AF_INET ? bind(fd, (struct sockaddr*)&v4, sizeof v4)
                         : bind(fd, (struct sockaddr*)&v6, sizeof v6));
  return fd;
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  int unbound = (int)MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)),
      only = unix_at("only", SOCK_DGRAM), gone = unix_at("gone", SOCK_DGRAM);
  MUST(unlink("gone"));
  int automatic = (int)MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  sa_family_t family = AF_UNIX;
  MUST(bind(automatic, (struct sockaddr*)&family, sizeof family));
  struct sockaddr_un auto_was = {0}, auto_is = {0};
  socklen_t auto_size = sizeof auto_was, is_size = sizeof auto_is;
  MUST(getsockname(automatic, (struct sockaddr*)&auto_was, &auto_size));
  int listener = unix_at("listener", SOCK_STREAM), client = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(chmod("listener", 0602));
  MUST(listen(listener, 9));
  struct sockaddr_un to = named("listener");
  MUST(connect(client, (struct sockaddr*)&to, sizeof to));
  int server = (int)MUST(accept(listener, NULL, NULL));
  MUST(write(client, "waiting", 7));
  int packets[2], datagrams[2], options[2];
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
  for (int i = 1; i < 6; i++) MUST(send(packets[0], "packet", (size_t)i, 0));
  MUST(shutdown(packets[0], SHUT_WR));
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams));
  for (int i = 1; i < 5; i++) MUST(send(datagrams[0], "datagram", (size_t)i * 2, 0));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, options));
  set(options[0], SOL_SOCKET, SO_RCVBUF, 50000);
  set(options[0], SOL_SOCKET, SO_RCVLOWAT, 77);
  int rcvbuf = get(options[0], SOL_SOCKET, SO_RCVBUF), low = get(options[0], SOL_SOCKET, SO_RCVLOWAT);
  struct timeval limit = {.tv_sec = 123, .tv_usec = 400000}, got_limit;
  MUST(setsockopt(options[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));

  int udp = bound(AF_INET, SOCK_DGRAM, 0), peer = bound(AF_INET, SOCK_DGRAM, 0),
      udp6 = bound(AF_INET6, SOCK_DGRAM, 0);
  struct sockaddr_in6 to_udp = address_of(udp, false), was = to_udp, was_peer = address_of(peer, false);
  MUST(connect(peer, (struct sockaddr*)&to_udp, sizeof(struct sockaddr_in)));
  int port6 = udp6 >= 0 ? address_of(udp6, false).sin6_port : 0;
  set(udp, SOL_SOCKET, SO_BROADCAST, 1);
  set(udp, IPPROTO_IP, IP_TTL, 33);
  set(udp, IPPROTO_IP, IP_TOS, 16);
  set(udp, SOL_SOCKET, SO_REUSEPORT, 1);
  int plain = (int)MUST(socket(AF_INET, SOCK_STREAM, 0)), tcp = bound(AF_INET, SOCK_STREAM, 0);
  set(plain, IPPROTO_TCP, TCP_NODELAY, 1);
  set(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT, 5);
  MUST(listen(tcp, 3));
  int defer = get(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT), mptcp = bound(AF_INET, SOCK_STREAM, 262);
  if (mptcp >= 0) MUST(listen(mptcp, 3));
  char congestion[16] = {0}, congestion_is[16] = {0};
  socklen_t congestion_size = sizeof congestion;
  MUST(getsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, congestion, &congestion_size));
  say_ready();
  wait_for_stop();

  char bytes[64];
  claim("unbound");
  EXPECT("a read", -1, read(unbound, bytes, 1));
  EXPECT("its errno", EINVAL, errno);
  MUST(connect(unbound, (struct sockaddr*)&to, sizeof to));
  close((int)MUST(accept(listener, NULL, NULL)));
  claim("bound-only");
  struct sockaddr_un to_only = named("only");
  MUST(sendto(automatic, "by name", 7, 0, (struct sockaddr*)&to_only, sizeof to_only));
  EXPECT("bytes", 7, MUST(read(only, bytes, sizeof bytes)));
  struct sockaddr_un gone_is = {0};
  socklen_t gone_size = sizeof gone_is;
  MUST(getsockname(gone, (struct sockaddr*)&gone_is, &gone_size));
  prove_text("deleted-path", "gone", gone_is.sun_path);
  MUST(getsockname(automatic, (struct sockaddr*)&auto_is, &is_size));
  prove_bytes("autobound", &auto_was, &auto_is, auto_size);
  claim("connection-queue");
  EXPECT("bytes", 7, MUST(read(server, bytes, sizeof bytes)));
  claim("connection");
  MUST(write(server, "answer", 6));
  EXPECT("bytes", 6, MUST(read(client, bytes, sizeof bytes)));
  struct sockaddr_un listens = {0};
  socklen_t listens_size = sizeof listens;
  MUST(getsockname(listener, (struct sockaddr*)&listens, &listens_size));
  prove_text("listener-address", "listener", listens.sun_path);
  struct stat stat;
  MUST(lstat("listener", &stat));
  PROVE("listener-mode", 0602, stat.st_mode & 0777);
  claim("seqpacket-borders");
  for (int i = 1; i < 6; i++) EXPECT("bytes", i, MUST(read(packets[1], bytes, sizeof bytes)));
  PROVE("seqpacket-end", 0, read(packets[1], bytes, sizeof bytes));
  claim("datagram-borders");
  for (int i = 1; i < 5; i++) EXPECT("bytes", i * 2, MUST(read(datagrams[1], bytes, sizeof bytes)));
  PROVE("receive-buffer", rcvbuf, get(options[0], SOL_SOCKET, SO_RCVBUF));
  PROVE("low-water", low, get(options[0], SOL_SOCKET, SO_RCVLOWAT));
  socklen_t limit_size = sizeof got_limit;
  MUST(getsockopt(options[1], SOL_SOCKET, SO_RCVTIMEO, &got_limit, &limit_size));
  PROVE("receive-timeout", 123400000, got_limit.tv_sec * 1000000 + got_limit.tv_usec);
  struct sockaddr_in6 is = address_of(udp, false);
  PROVE("udp-bound", was.sin6_port, is.sin6_port);
  PROVE("udp-connected", was.sin6_port, address_of(peer, true).sin6_port);
  PROVE("udp-v6", port6, udp6 >= 0 ? address_of(udp6, false).sin6_port : 0);
  PROVE("udp-broadcast", 1, get(udp, SOL_SOCKET, SO_BROADCAST));
  PROVE("udp-ttl", 33, get(udp, IPPROTO_IP, IP_TTL));
  PROVE("udp-tos", 16, get(udp, IPPROTO_IP, IP_TOS));
  PROVE("udp-reuse", 1, get(udp, SOL_SOCKET, SO_REUSEPORT));
  claim("udp-works");
  MUST(send(peer, "hello", 5, 0));
  struct sockaddr_in6 from = {0};
  socklen_t from_size = sizeof from;
  EXPECT("bytes", 5, MUST(recvfrom(udp, bytes, sizeof bytes, 0, (struct sockaddr*)&from, &from_size)));
  EXPECT("sender", was_peer.sin6_port, from.sin6_port);
  PROVE("tcp-unbound", 1, get(plain, IPPROTO_TCP, TCP_NODELAY));
  PROVE("tcp-defer", defer, get(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT));
  congestion_size = sizeof congestion_is;
  MUST(getsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, congestion_is, &congestion_size));
  prove_text("tcp-congestion", congestion, congestion_is);
  claim("tcp-listens");
  struct sockaddr_in6 to_tcp = address_of(tcp, false);
  MUST(connect(plain, (struct sockaddr*)&to_tcp, sizeof(struct sockaddr_in)));
  PROVE(
      "mptcp", mptcp >= 0,
      mptcp >= 0 && get(mptcp, SOL_SOCKET, SO_PROTOCOL) == 262 && get(mptcp, SOL_SOCKET, SO_ACCEPTCONN) == 1);
  return say_ok();
}
