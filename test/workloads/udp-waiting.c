// Datagrams that wait in UDP sockets: their order, lengths (none at all too), senders and, by IP_PKTINFO, whom they were sent to.
// @family Internet sockets
// @root
// @claim udp-waiting inet.udp-queue
// @claim udp-waiting-connected inet.udp-queue
// @claim udp-waiting-any inet.udp-queue
// @claim udp-waiting-v6 inet.udp-queue
// @claim udp-waiting-mapped inet.udp-queue
// @claim udp-waiting-large inet.udp-queue
// @claim udp-waiting-peek inet.udp-queue
// @claim udp-waiting-none inet.udp-queue
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "workload.h"

#define LARGE 60000

typedef struct sockaddr_in6 Address;  // ports are at the same place

static const int lengths[] = {1, 0, 700, 0, 0, 1200, 33};
#define COUNT (int)(sizeof lengths / sizeof *lengths)

static Address address_of(int fd) {
  Address address = {0};
  socklen_t size = sizeof address;
  MUST(getsockname(fd, (struct sockaddr*)&address, &size));
  return address;
}

static socklen_t size_of(const Address* address) {
  return address->sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof *address;
}

// `host`: NULL is any.
static int bound(int family, const char* host) {
  int fd = (int)MUST(socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Address address = {.sin6_family = (sa_family_t)family};
  struct sockaddr_in* four = (struct sockaddr_in*)&address;
  void* where = family == AF_INET ? (void*)&four->sin_addr : &address.sin6_addr;
  if (host != NULL) EXPECT("an address", 1, inet_pton(family, host, where));
  MUST(bind(fd, (struct sockaddr*)&address, size_of(&address)));
  return fd;
}

static void send_to(int from, const char* host, int to, const void* data, size_t size) {
  Address address = address_of(to);
  struct sockaddr_in* four = (struct sockaddr_in*)&address;
  Address own = address_of(from);
  if (own.sin6_family == AF_INET) {
    unsigned short port = address.sin6_port;
    memset(&address, 0, sizeof address);
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    EXPECT("an address", 1, inet_pton(AF_INET, host, &four->sin_addr));
  } else EXPECT("an address", 1, inet_pton(AF_INET6, host, &address.sin6_addr));
  EXPECT("sent", (long long)size,
         MUST(sendto(from, data, size, 0, (struct sockaddr*)&address, size_of(&address))));
}

static char byte_of(int number, int at) { return (char)(number * 31 + at * 7 + 1); }

static void send_all(int from, const char* host, int to) {
  for (int number = 0; number < COUNT; number++) {
    char data[1500];
    for (int at = 0; at < lengths[number]; at++) data[at] = byte_of(number, at);
    send_to(from, host, to, data, (size_t)lengths[number]);
  }
}

static void expect_all(int fd, int from) {
  Address sender = address_of(from);
  for (int number = 0; number < COUNT; number++) {
    char data[1500];
    Address seen = {0};
    socklen_t size = sizeof seen;
    long length = recvfrom(fd, data, sizeof data, 0, (struct sockaddr*)&seen, &size);
    EXPECT("length", lengths[number], length);
    for (int at = 0; at < length; at++) EXPECT("byte", byte_of(number, at), data[at]);
    EXPECT("sender's port", sender.sin6_port, seen.sin6_port);
  }
  EXPECT("nothing more", -1, recv(fd, (char[1]){0}, 1, 0));
  EXPECT("for there is nothing", EAGAIN, errno);
}

// The last number of the address that the next one was sent to.
static int sent_to(int fd) {
  char data[1500], room[256];
  struct iovec part = {data, sizeof data};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  MUST(recvmsg(fd, &message, 0));
  for (struct cmsghdr* at = CMSG_FIRSTHDR(&message); at != NULL; at = CMSG_NXTHDR(&message, at))
    if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO)
      return (int)(ntohl(((struct in_pktinfo*)CMSG_DATA(at))->ipi_addr.s_addr) & 255);
  return -1;
}

static int chatter[2];
static void chat(void) {
  char got[8];
  send_to(chatter[0], "127.0.0.1", chatter[1], "chat", 4);
  long length = -1;
  for (int tries = 0; tries < 5000 && length == -1; tries++) {
    length = recv(chatter[1], got, sizeof got, 0);
    if (length == -1) usleep(1000);
  }
  EXPECT("chatted", 4, length);
}

int main(void) {
  static char large[LARGE];
  listen_for_stop();
  int sender = bound(AF_INET, "127.0.0.1"), sender6 = bound(AF_INET6, "::1"), on = 1, off = -1,
      room = 1 << 20;
  int plain = bound(AF_INET, "127.0.0.1"), connected = bound(AF_INET, "127.0.0.1"),
      any = bound(AF_INET, NULL);
  int six = bound(AF_INET6, "::1"), both = bound(AF_INET6, NULL), big = bound(AF_INET, NULL),
      peeked = bound(AF_INET, NULL);
  int none = bound(AF_INET, "127.0.0.1");
  Address address = address_of(sender);
  MUST(connect(connected, (struct sockaddr*)&address, size_of(&address)));
  MUST(setsockopt(any, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
  MUST(setsockopt(big, SOL_SOCKET, SO_RCVBUF, &room, sizeof room));
  MUST(setsockopt(peeked, SOL_SOCKET, SO_PEEK_OFF, &(int){3}, sizeof(int)));
  send_all(sender, "127.0.0.1", plain);
  send_all(sender, "127.0.0.1", connected);
  for (int number = 0; number < 2; number++)
    send_to(sender, number == 0 ? "127.0.0.7" : "127.0.0.9", any, "to", 2);
  send_all(sender6, "::1", six);
  send_all(sender, "127.0.0.1", both);
  for (int at = 0; at < LARGE; at++) large[at] = (char)(at * 13 + at / 251);
  for (int number = 0; number < 3; number++) send_to(sender, "127.0.0.1", big, large, LARGE - (size_t)number);
  send_to(sender, "127.0.0.1", peeked, "peeked", 6);
  for (int number = 0; number < 2; number++) chatter[number] = bound(AF_INET, "127.0.0.1");
  motion = chat;
  say_ready();
  wait_for_stop();
  claim("udp-waiting");
  expect_all(plain, sender);
  claim("udp-waiting-connected");
  expect_all(connected, sender);
  PROVE("udp-waiting-any", 709, sent_to(any) * 100 + sent_to(any));
  claim("udp-waiting-v6");
  expect_all(six, sender6);
  claim("udp-waiting-mapped");
  expect_all(both, sender);
  claim("udp-waiting-large");
  for (int number = 0; number < 3; number++) {
    static char got[LARGE + 1];
    EXPECT("length", LARGE - number, recv(big, got, sizeof got, 0));
    EXPECT("content", 0, memcmp(got, large, (size_t)(LARGE - number)));
  }
  claim("udp-waiting-peek");
  char rest[8] = {0};
  EXPECT("peeked", 3, recv(peeked, rest, sizeof rest, MSG_PEEK));
  EXPECT("from where it was", 0, strcmp(rest, "ked"));
  MUST(setsockopt(peeked, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off));
  EXPECT("all of it", 6, recv(peeked, rest, sizeof rest, 0));
  PROVE("udp-waiting-none", -1, recv(none, rest, sizeof rest, 0));
  return say_ok();
}
