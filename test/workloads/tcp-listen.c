// Listening TCP sockets: IPv4, IPv6, both, with options, shared with a child that accepts too. Afterwards a connection to each is
// answered. Ports are chosen by the kernel.
// @family Internet sockets
// @claim listeners inet.tcp-listen
// @claim shared-listener inet.tcp-listen
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "workload.h"

struct listener {
  int fd, family, port, v6only;
};

static int get(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  MUST(getsockopt(fd, level, name, &value, &size));
  return value;
}
static void set(int fd, int level, int name, int value) {
  MUST(setsockopt(fd, level, name, &value, sizeof value));
}

static int port_of(int fd) {
  struct sockaddr_in6 address;
  socklen_t size = sizeof address;
  MUST(getsockname(fd, (struct sockaddr*)&address, &size));
  return ntohs(address.sin6_port);  // at the same place in sockaddr_in
}
static struct listener make(int family, int v6only, int backlog) {
  struct listener l = {
      .fd = (int)MUST(socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)), .family = family, .v6only = v6only};
  set(l.fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set(l.fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set(l.fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(l.fd, IPPROTO_TCP, TCP_KEEPIDLE, 77);
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  if (family == AF_INET6) set(l.fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only);
  MUST(family == AF_INET ? bind(l.fd, (struct sockaddr*)&v4, sizeof v4)
                         : bind(l.fd, (struct sockaddr*)&v6, sizeof v6));
  MUST(listen(l.fd, backlog));
  l.port = port_of(l.fd);
  return l;
}
static void talk(int family, int port, int listener) {
  struct sockaddr_in v4 = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 v6 = {
      .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int client = (int)MUST(socket(family, SOCK_STREAM, 0)), server = -1;
  MUST(family == AF_INET ? connect(client, (struct sockaddr*)&v4, sizeof v4)
                         : connect(client, (struct sockaddr*)&v6, sizeof v6));
  for (int i = 0; i < 1000 && server == -1; i++) {
    server = accept(listener, NULL, NULL);
    if (server == -1) usleep(1000);
  }
  MUST(server);
  EXPECT("inherited TCP_KEEPIDLE", 77, get(server, IPPROTO_TCP, TCP_KEEPIDLE));
  char buffer[8];
  MUST(write(client, "hello", 5));
  EXPECT("bytes through the listener", 5, MUST(read(server, buffer, sizeof buffer)));
  close(client);
  close(server);
}

int main(void) {
  listen_for_stop();
  struct listener l[] = {make(AF_INET, 0, 511), make(AF_INET6, 0, 128), make(AF_INET6, 1, 1)};
  int ask[2], answer[2];
  MUST(pipe(ask));
  MUST(pipe(answer));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {  // accepts on the inherited listener when asked
    char byte;
    MUST(read(ask[0], &byte, 1));
    talk(AF_INET, l[0].port, l[0].fd);
    MUST(write(answer[1], "x", 1));
    _exit(0);
  }
  say_ready();
  wait_for_stop();
  claim("listeners");
  for (size_t i = 0; i < sizeof l / sizeof *l; i++) {
    EXPECT("port", l[i].port, port_of(l[i].fd));
    EXPECT("listening", 1, get(l[i].fd, SOL_SOCKET, SO_ACCEPTCONN));
    EXPECT("SO_REUSEADDR", 1, get(l[i].fd, SOL_SOCKET, SO_REUSEADDR));
    EXPECT("SO_KEEPALIVE", 1, get(l[i].fd, SOL_SOCKET, SO_KEEPALIVE));
    EXPECT("TCP_NODELAY", 1, get(l[i].fd, IPPROTO_TCP, TCP_NODELAY));
    EXPECT("O_NONBLOCK", O_NONBLOCK, MUST(fcntl(l[i].fd, F_GETFL)) & O_NONBLOCK);
    if (l[i].family == AF_INET6) EXPECT("IPV6_V6ONLY", l[i].v6only, get(l[i].fd, IPPROTO_IPV6, IPV6_V6ONLY));
    talk(l[i].family, l[i].port, l[i].fd);
    if (l[i].family == AF_INET6 && !l[i].v6only) talk(AF_INET, l[i].port, l[i].fd);
  }
  claim("shared-listener");
  char byte;
  MUST(write(ask[1], "x", 1));
  MUST(read(answer[0], &byte, 1));
  EXPECT("the child", child, waitpid(child, NULL, 0));
  return say_ok();
}
