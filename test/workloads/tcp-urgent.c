// TCP connections in which an urgent byte waits that nobody has read: before, behind and among other data, read apart or inline, with the end of
// the other end behind it; by IPv4, IPv6 and mapped addresses. In motion one more pair exchanges such bytes.
// @family Internet sockets
// @probe tcp-peek-off
// @claim urgent-among inet.tcp-urgent
// @claim urgent-first inet.tcp-urgent
// @claim urgent-last inet.tcp-urgent
// @claim urgent-inline inet.tcp-urgent
// @claim urgent-much inet.tcp-urgent
// @claim urgent-ended inet.tcp-urgent
// @claim urgent-forsaken inet.tcp-urgent
// @claim urgent-v6 inet.tcp-urgent
// @claim urgent-mapped inet.tcp-urgent
// @claim urgent-after inet.tcp-urgent
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "workload.h"

enum { MUCH = 150000 };

struct pair {
  int client, server;
};

static struct pair connected(int family, int to) {
  struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
  socklen_t size = sizeof address;
  int listener = (int)MUST(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), off = 0;
  if (family == AF_INET6) MUST(setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off));
  MUST(bind(listener, (struct sockaddr*)&address, sizeof address));
  MUST(listen(listener, 1));
  MUST(getsockname(listener, (struct sockaddr*)&address, &size));
  address.sin6_family = (sa_family_t)to;  // the port is at the same place
  if (to == AF_INET) ((struct sockaddr_in*)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else address.sin6_addr = in6addr_loopback;
  struct pair pair = {.client = (int)MUST(socket(to, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  MUST(connect(pair.client, (struct sockaddr*)&address, sizeof address));
  pair.server = (int)MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
  MUST(close(listener));
  return pair;
}

static void put(struct pair pair, const char* text, int flags) {
  EXPECT("said", strlen(text), MUST(send(pair.client, text, strlen(text), flags)));
}
// Before it is frozen all of it must have come.
static void come(struct pair pair) {
  struct pollfd wanted = {.fd = pair.server, .events = POLLPRI};
  EXPECT("urgent data comes", 1, MUST(poll(&wanted, 1, 5000)));
}
static struct pair told(int family, int to, const char* before, const char* behind) {
  struct pair pair = connected(family, to);
  if (*before) put(pair, before, 0);
  put(pair, "!", MSG_OOB);
  come(pair);
  if (*behind) put(pair, behind, 0);
  usleep(10000);
  return pair;
}

static int at_mark(int fd) { return sockatmark(fd); }
static void hear(int fd, const char* text) {
  char got[64] = {0};
  if (*text == 0) return;
  MUST(recv(fd, got, sizeof got - 1, 0));
  EXPECT_TEXT("heard", text, got);
}
static void hear_urgent(int fd) {
  char byte = 0;
  struct pollfd wanted = {.fd = fd, .events = POLLPRI};
  EXPECT("it is told", POLLPRI, MUST(poll(&wanted, 1, 0)) == 1 ? wanted.revents : 0);
  EXPECT("one byte", 1, MUST(recv(fd, &byte, 1, MSG_OOB)));
  EXPECT("that byte", '!', byte);
}
// As a program reads it that has not asked for it inline.
static void check(const char* name, struct pair pair, const char* before, const char* behind) {
  claim(name);
  EXPECT("at the mark", *before == 0, at_mark(pair.server));
  hear(pair.server, before);
  EXPECT("at the mark behind it", 1, at_mark(pair.server));
  hear_urgent(pair.server);
  hear(pair.server, behind);
}

static struct pair chatter;
static void chat(void) {
  char byte;
  put(chatter, "?", MSG_OOB);
  come(chatter);
  EXPECT("urgent", 1, MUST(recv(chatter.server, &byte, 1, MSG_OOB)));
  put(chatter, ".", 0);
  EXPECT("behind it", 1, MUST(recv(chatter.server, &byte, 1, 0)));
  EXPECT("is this", '.', byte);
}

int main(void) {
  static char much[MUCH], got[MUCH];
  listen_for_stop();
  struct pair among = told(AF_INET, AF_INET, "before", "behind"),
              first = told(AF_INET, AF_INET, "", "behind");
  struct pair last = told(AF_INET, AF_INET, "before", ""), ended = told(AF_INET, AF_INET, "before", "behind");
  struct pair forsaken = told(AF_INET, AF_INET, "before", "behind");
  struct pair six = told(AF_INET6, AF_INET6, "before", "behind"), mapped = told(AF_INET6, AF_INET, "b", "c");
  struct pair in = connected(AF_INET, AF_INET), large = connected(AF_INET, AF_INET);
  int on = 1, room = 4 * MUCH;
  MUST(setsockopt(in.server, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
  put(in, "before", 0);
  put(in, "!", MSG_OOB);
  come(in);
  put(in, "behind", 0);
  MUST(shutdown(ended.client, SHUT_WR));
  MUST(close(forsaken.client));
  fill_pattern(much, MUCH / 8 * 8, 5);
  MUST(setsockopt(large.server, SOL_SOCKET, SO_RCVBUF, &room, sizeof room));
  MUST(setsockopt(large.client, SOL_SOCKET, SO_SNDBUF, &room, sizeof room));
  put(large, "!", MSG_OOB);
  come(large);
  EXPECT("much", MUCH, MUST(send(large.client, much, MUCH, 0)));
  chatter = connected(AF_INET, AF_INET);
  motion = chat;
  usleep(50000);
  say_ready();
  wait_for_stop();

  check("urgent-among", among, "before", "behind");
  check("urgent-first", first, "", "behind");
  check("urgent-last", last, "before", "");
  check("urgent-ended", ended, "before", "behind");
  EXPECT("the end", 0, MUST(recv(ended.server, got, 1, 0)));
  check("urgent-forsaken", forsaken, "before", "behind");
  EXPECT("the end", 0, MUST(recv(forsaken.server, got, 1, 0)));
  check("urgent-v6", six, "before", "behind");
  check("urgent-mapped", mapped, "b", "c");
  claim("urgent-inline");
  hear(in.server, "before");
  EXPECT("at the mark", 1, at_mark(in.server));
  hear(in.server, "!behind");
  claim("urgent-much");
  hear_urgent(large.server);
  for (size_t count = 0; count < MUCH;)
    count += (size_t)MUST(recv(large.server, got + count, MUCH - count, 0));
  EXPECT("content", 0, memcmp(got, much, MUCH));
  claim("urgent-after");
  put(among, "a", 0);
  put(among, "!", MSG_OOB);
  come(among);
  hear(among.server, "a");
  hear_urgent(among.server);
  return say_ok();
}
