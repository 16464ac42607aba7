// TCP connections with both ends in the tree: with unread and unsent data, full ones, half-shut ones, ended ones, between processes, with
// options, by IPv4, IPv6 and mapped addresses; a stream that is checked byte by byte goes on all the time in a thread and a child.
// @family Internet sockets
// @claim ipv4 inet.tcp-pairs
// @claim ipv6 inet.tcp-pairs
// @claim mapped inet.tcp-pairs
// @claim names inet.tcp-pairs
// @claim terms inet.tcp-pairs
// @claim full inet.tcp-queues
// @claim blocked-writer inet.tcp-queues
// @claim corked inet.tcp-queues
// @claim half-shut inet.tcp-shut
// @claim end-was-read inet.tcp-shut
// @claim forsaken inet.tcp-shut
// @claim no-more-reads inet.tcp-shut
// @claim options inet.tcp-options
// @claim buffers inet.tcp-options
// @claim watched inet.tcp-pairs
// @claim listener inet.tcp-pairs
// @claim stream inet.tcp-pairs
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "workload.h"

struct pair {
  int client, server;
};
union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
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

static int listener_of(int family, int* port) {
  int fd = (int)MUST(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  union address address = {.any.sa_family = (sa_family_t)family};
  socklen_t size = sizeof address;
  if (family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  MUST(bind(fd, &address.any, family == AF_INET ? sizeof address.v4 : sizeof address.v6));
  MUST(listen(fd, 16));
  MUST(getsockname(fd, &address.any, &size));
  *port = ntohs(address.v4.sin_port);
  return fd;
}
static struct pair meet(int listener, int family, int port) {
  union address address = {.any.sa_family = (sa_family_t)family};
  address.v4.sin_port = htons((uint16_t)port);  // at the same place in sockaddr_in6
  if (family == AF_INET) address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else address.v6.sin6_addr = in6addr_loopback;
  struct pair pair = {.client = (int)MUST(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  MUST(connect(pair.client, &address.any, family == AF_INET ? sizeof address.v4 : sizeof address.v6));
  pair.server = (int)MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
  return pair;
}
// A connection whose listener is gone.
static struct pair connected(int listening, int connecting) {
  int port, listener = listener_of(listening, &port);
  struct pair pair = meet(listener, connecting, port);
  MUST(close(listener));
  return pair;
}

static void send_text(int fd, const char* text) {
  EXPECT("bytes sent", strlen(text), MUST(send(fd, text, strlen(text), MSG_NOSIGNAL)));
}
static void expect_received(int fd, const char* text) {
  char got[200] = {0};
  size_t count = 0;
  while (count < strlen(text)) {
    ssize_t more = MUST(recv(fd, got + count, strlen(text) - count, 0));
    if (more == 0) break;
    count += (size_t)more;
  }
  EXPECT_TEXT("received", text, got);
}
static void expect_nothing(int fd) {
  EXPECT("nothing to read", -1, recv(fd, (char[1]){0}, 1, MSG_DONTWAIT));
  EXPECT("why", EAGAIN, errno);
}
static void expect_end(int fd) { EXPECT("the end", 0, MUST(recv(fd, (char[1]){0}, 1, 0))); }
static void talk(struct pair pair) {
  send_text(pair.client, "more from the client");
  send_text(pair.server, "more from the server");
  expect_received(pair.server, "more from the client");
  expect_received(pair.client, "more from the server");
  expect_nothing(pair.client);
  expect_nothing(pair.server);
}

// ---- a connection that carries a little each way, and its name and terms
struct known {
  struct pair pair;
  union address names[4];
  struct tcp_info info;
};
static void names_of(struct pair pair, union address names[4]) {
  memset(names, 0, 4 * sizeof *names);
  for (int i = 0; i < 4; i++) {
    socklen_t size = sizeof *names;
    int fd = i < 2 ? pair.client : pair.server;
    MUST(i % 2 == 0 ? getsockname(fd, &names[i].any, &size) : getpeername(fd, &names[i].any, &size));
  }
}
static struct tcp_info info_of(int fd) {
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  MUST(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
  return info;
}
static struct known make_known(int listening, int connecting) {
  struct known known = {.pair = connected(listening, connecting)};
  send_text(known.pair.client, "to the server");
  send_text(known.pair.server, "to the client");
  names_of(known.pair, known.names);
  known.info = info_of(known.pair.client);
  return known;
}
static void check_known(const char* name, struct known known) {
  claim(name);
  expect_received(known.pair.server, "to the server");
  expect_received(known.pair.client, "to the client");
  talk(known.pair);
}

// ---- full in one direction: unread on one side, unsent on the other
static size_t fill(int fd, uint64_t seed) {
  size_t sent = 0;
  uint64_t block[512];
  for (;;) {
    for (size_t i = 0; i < 512; i++) block[i] = mix(seed + sent / 8 + i);
    ssize_t count = send(fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count == -1) break;
    sent += (size_t)count;
    if (count != sizeof block) break;
  }
  return sent;
}
static void drain(int fd, uint64_t seed, size_t bytes) {
  unsigned char* got = malloc(bytes);
  size_t count = 0;
  while (count < bytes) {
    ssize_t more = MUST(recv(fd, got + count, bytes - count, 0));
    if (more == 0) fail("a full connection: expected %zu bytes got %zu", bytes, count);
    count += (size_t)more;
  }
  check_pattern("a full connection", got, bytes & ~7ul, seed);
  free(got);
  expect_nothing(fd);
}

// ---- a child that is blocked in send(2)
enum { large = 24 << 20 };
static struct pair stream;
static pid_t blocked_writer(struct pair pair, char* block) {
  pid_t child = (pid_t)MUST(fork());
  if (child != 0) return child;
  MUST(close(stream.client));
  size_t sent = 0;
  while (sent < large) sent += (size_t)MUST(send(pair.client, block + sent, large - sent, MSG_NOSIGNAL));
  _exit(7);
}

// ---- a stream that goes on: a thread asks, a child answers
static uint64_t asked;
static void* ask(void* nothing) {
  (void)nothing;
  while (!stop_wanted) {
    uint64_t words[64], answer[64];
    size_t count = 0;
    for (int i = 0; i < 64; i++) words[i] = mix(asked * 64 + (uint64_t)i);
    EXPECT("bytes asked", sizeof words, MUST(send(stream.client, words, sizeof words, MSG_NOSIGNAL)));
    while (count < sizeof answer)
      count += (size_t)MUST(recv(stream.client, (char*)answer + count, sizeof answer - count, 0));
    for (int i = 0; i < 64; i++) EXPECT("an answer", (int64_t)~words[i], (int64_t)answer[i]);
    asked++;
    if (!in_motion()) usleep(1000);
  }
  return NULL;
}
static void answer_all(void) {
  uint64_t words[64];
  for (;;) {
    size_t count = 0;
    while (count < sizeof words) {
      ssize_t more = MUST(recv(stream.server, (char*)words + count, sizeof words - count, 0));
      if (more == 0) _exit(0);
      count += (size_t)more;
    }
    for (int i = 0; i < 64; i++) words[i] = ~words[i];
    MUST(send(stream.server, words, sizeof words, MSG_NOSIGNAL));
  }
}

int main(void) {
  listen_for_stop();
  int status, port;
  stream = connected(AF_INET, AF_INET);
  pid_t answering = (pid_t)MUST(fork());
  if (answering == 0) {
    MUST(signal(SIGUSR1, SIG_IGN) == SIG_ERR ? -1 : 0);
    MUST(close(stream.client));
    answer_all();
  }
  MUST(close(stream.server));
  static char block[large], got[large];
  fill_pattern(block, sizeof block, 3);
  struct pair slow = connected(AF_INET, AF_INET);
  pid_t writer = blocked_writer(slow, block);
  MUST(close(slow.client));

  struct known v4 = make_known(AF_INET, AF_INET), v6 = make_known(AF_INET6, AF_INET6),
               mapped = make_known(AF_INET6, AF_INET);
  struct pair full = connected(AF_INET, AF_INET);
  size_t there = fill(full.client, 11), back = fill(full.server, 77);

  struct pair corked = connected(AF_INET, AF_INET);
  set(corked.client, IPPROTO_TCP, TCP_CORK, 1);

  struct pair half = connected(AF_INET6, AF_INET6);
  send_text(half.client, "before the end");
  MUST(shutdown(half.client, SHUT_WR));
  struct pair was_read = connected(AF_INET, AF_INET);
  MUST(shutdown(was_read.server, SHUT_WR));
  expect_end(was_read.client);
  struct pair forsaken = connected(AF_INET, AF_INET);
  send_text(forsaken.server, "last words");
  MUST(close(forsaken.server));

  struct pair unread = connected(AF_INET, AF_INET);
  MUST(shutdown(unread.client, SHUT_RD));

  struct pair optional = connected(AF_INET, AF_INET);
  set(optional.client, IPPROTO_TCP, TCP_NODELAY, 1);
  set(optional.client, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(optional.client, IPPROTO_TCP, TCP_KEEPIDLE, 77);
  set(optional.client, IPPROTO_TCP, TCP_KEEPINTVL, 7);
  set(optional.client, IPPROTO_TCP, TCP_USER_TIMEOUT, 98765);
  set(optional.client, SOL_SOCKET, SO_REUSEADDR, 1);
  set(optional.client, IPPROTO_IP, IP_TOS, 0x10);
  set(optional.server, SOL_SOCKET, SO_SNDBUF, 30000);
  set(optional.server, SOL_SOCKET, SO_RCVBUF, 50000);
  int sndbuf = get(optional.server, SOL_SOCKET, SO_SNDBUF), rcvbuf = get(optional.server, SOL_SOCKET, SO_RCVBUF);

  struct pair watched = connected(AF_INET, AF_INET);
  int epoll = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = 4711};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, watched.server, &event));
  int listener = listener_of(AF_INET, &port);
  struct pair first = meet(listener, AF_INET, port);

  pthread_t asking;
  MUST0(pthread_create(&asking, NULL, ask, NULL));
  say_ready();
  wait_for_stop();

  MUST0(pthread_join(asking, NULL));
  claim("stream");
  if (asked == 0) fail("questions: expected some got none");
  MUST(close(stream.client));
  EXPECT("who answers", answering, MUST(waitpid(answering, &status, 0)));
  EXPECT("its end", 0, status);

  check_known("ipv4", v4);
  check_known("ipv6", v6);
  check_known("mapped", mapped);
  claim("names");
  struct known* all[] = {&v4, &v6, &mapped};
  for (int i = 0; i < 3; i++) {
    union address names[4];
    names_of(all[i]->pair, names);
    EXPECT("names", 0, memcmp(names, all[i]->names, sizeof names));
  }
  claim("terms");
  for (int i = 0; i < 3; i++) {
    struct tcp_info info = info_of(all[i]->pair.client);
    EXPECT("state", TCP_ESTABLISHED, info.tcpi_state);
    EXPECT("options", all[i]->info.tcpi_options, info.tcpi_options);
    EXPECT("scale to send by", all[i]->info.tcpi_snd_wscale, info.tcpi_snd_wscale);
    EXPECT("scale to receive by", all[i]->info.tcpi_rcv_wscale, info.tcpi_rcv_wscale);
    EXPECT("segment size", all[i]->info.tcpi_snd_mss, info.tcpi_snd_mss);
  }

  claim("full");
  drain(full.server, 11, there);
  drain(full.client, 77, back);
  talk(full);
  claim("blocked-writer");
  for (size_t count = 0; count < large;) {
    ssize_t more = MUST(recv(slow.server, got + count, large - count, 0));
    if (more == 0) fail("from a blocked writer: expected %d bytes got %zu", large, count);
    count += (size_t)more;
  }
  check_pattern("from a blocked writer", got, large, 3);
  EXPECT("the writer", writer, MUST(waitpid(writer, &status, 0)));
  EXPECT("its status", 7 << 8, status);
  expect_end(slow.server);
  claim("corked");
  EXPECT("TCP_CORK", 1, get(corked.client, IPPROTO_TCP, TCP_CORK));
  set(corked.client, IPPROTO_TCP, TCP_CORK, 0);
  talk(corked);

  claim("half-shut");
  expect_received(half.server, "before the end");
  expect_end(half.server);
  send_text(half.server, "an answer");
  expect_received(half.client, "an answer");
  EXPECT("no way to send", -1, send(half.client, "x", 1, MSG_NOSIGNAL));
  EXPECT("why", EPIPE, errno);
  MUST(shutdown(half.server, SHUT_WR));
  expect_end(half.client);
  claim("end-was-read");
  expect_end(was_read.client);
  send_text(was_read.client, "still open");
  expect_received(was_read.server, "still open");
  claim("forsaken");
  expect_received(forsaken.client, "last words");
  expect_end(forsaken.client);

  claim("no-more-reads");
  expect_end(unread.client);
  send_text(unread.client, "still sends");
  expect_received(unread.server, "still sends");

  claim("options");
  EXPECT("TCP_NODELAY", 1, get(optional.client, IPPROTO_TCP, TCP_NODELAY));
  EXPECT("SO_KEEPALIVE", 1, get(optional.client, SOL_SOCKET, SO_KEEPALIVE));
  EXPECT("TCP_KEEPIDLE", 77, get(optional.client, IPPROTO_TCP, TCP_KEEPIDLE));
  EXPECT("TCP_KEEPINTVL", 7, get(optional.client, IPPROTO_TCP, TCP_KEEPINTVL));
  EXPECT("TCP_USER_TIMEOUT", 98765, get(optional.client, IPPROTO_TCP, TCP_USER_TIMEOUT));
  EXPECT("SO_REUSEADDR", 1, get(optional.client, SOL_SOCKET, SO_REUSEADDR));
  EXPECT("SO_REUSEADDR of the other end", 0, get(optional.server, SOL_SOCKET, SO_REUSEADDR));
  EXPECT("IP_TOS", 0x10, get(optional.client, IPPROTO_IP, IP_TOS));
  talk(optional);
  claim("buffers");
  EXPECT("SO_SNDBUF", sndbuf, get(optional.server, SOL_SOCKET, SO_SNDBUF));
  EXPECT("SO_RCVBUF", rcvbuf, get(optional.server, SOL_SOCKET, SO_RCVBUF));

  claim("watched");
  EXPECT("nothing has happened", 0, MUST(epoll_wait(epoll, &event, 1, 0)));
  send_text(watched.client, "wake up");
  EXPECT("something to read", 1, MUST(epoll_wait(epoll, &event, 1, 10000)));
  EXPECT("where", 4711, event.data.u64);
  expect_received(watched.server, "wake up");
  MUST(close(watched.client));
  EXPECT("the end is told", 1, MUST(epoll_wait(epoll, &event, 1, 10000)));
  EXPECT("as what", EPOLLIN | EPOLLRDHUP, event.events);
  claim("listener");
  talk(first);
  talk(meet(listener, AF_INET, port));
  return say_ok();
}
