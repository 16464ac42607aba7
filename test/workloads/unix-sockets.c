// Unix sockets: pairs of every type with data queued in both directions and message borders, a half-shut pair, a pair between
// parent and child that talk all the time, listeners by path and by abstract name, options. argv[1] is an empty directory.
// @family Unix sockets
// @directory
// @always-moving
// @claim pairs unix.queue
// @claim passcred unix.passcred
// @claim buffers unix.buffers
// @claim bulk unix.stream
// @claim half-shut unix.half-shut
// @claim dead-peer unix.half-shut
// @claim path unix.path
// @claim abstract unix.abstract
// @claim datagrams unix.datagram
// @claim talk unix.stream
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "workload.h"

static socklen_t name_of(struct sockaddr_un* address, const char* name, bool abstract) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  strcpy(address->sun_path + abstract, name);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
}
static int listen_on(const char* name, bool abstract, int type, int backlog) {
  struct sockaddr_un address;
  socklen_t length = name_of(&address, name, abstract);
  int fd = (int)MUST(socket(AF_UNIX, type, 0));
  MUST(bind(fd, (struct sockaddr*)&address, length));
  if (backlog > 0) MUST(listen(fd, backlog));
  return fd;
}
static void talk_to(int listener, const char* name, bool abstract) {
  struct sockaddr_un address, got;
  socklen_t length = name_of(&address, name, abstract), size = sizeof got;
  MUST(getsockname(listener, (struct sockaddr*)&got, &size));
  EXPECT("length of the address", length, size);
  EXPECT("the address", 0, memcmp(&address, &got, length));
  int client = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(connect(client, (struct sockaddr*)&address, length));
  int server = (int)MUST(accept(listener, NULL, NULL));
  char buffer[8] = {0};
  MUST(write(client, "hello", 5));
  MUST(read(server, buffer, sizeof buffer));
  EXPECT_TEXT("through the listener", "hello", buffer);
  close(client);
  close(server);
}
static long option(int fd, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  MUST(getsockopt(fd, SOL_SOCKET, name, &value, &size));
  return value;
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  char abstract[64], buffer[4096];
  snprintf(abstract, sizeof abstract, "godwit-workload-%d", (int)getpid());
  int by_path = listen_on("socket", false, SOCK_STREAM, 7),
      by_name = listen_on(abstract, true, SOCK_STREAM, 5);
  int datagrams = listen_on("datagrams", false, SOCK_DGRAM, 0);
  int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}, pair[3][2], talk[2], half[2], dead[2];
  for (int i = 0; i < 3; i++) {
    MUST(socketpair(AF_UNIX, types[i] | (i == 1 ? SOCK_NONBLOCK : 0) | (i == 2 ? SOCK_CLOEXEC : 0), 0,
                    pair[i]));
    MUST(write(pair[i][0], "one", 3));
    MUST(write(pair[i][0], "three", 5));
    MUST(write(pair[i][1], "backwards", 9));
  }
  static char large[100000];
  fill_pattern(large, sizeof large, 3);
  int bulk[2], size = 400000;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, bulk));
  MUST(setsockopt(bulk[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  long sndbuf = option(bulk[0], SO_SNDBUF);
  MUST(write(bulk[0], large, sizeof large));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, half));
  MUST(write(half[0], "bye", 3));
  MUST(shutdown(half[0], SHUT_WR));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, dead));
  MUST(write(dead[1], "left", 4));
  close(dead[1]);
  int one = 1;
  MUST(setsockopt(half[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));

  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, talk));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {  // echoes each number plus one
    uint64_t n;
    close(talk[0]);
    while (read(talk[1], &n, sizeof n) == sizeof n) {
      n++;
      MUST(write(talk[1], &n, sizeof n));
    }
    _exit(5);
  }
  close(talk[1]);
  say_ready();
  for (uint64_t n = 0, got; !stop_wanted; n++) {
    MUST(write(talk[0], &n, sizeof n));
    EXPECT("bytes of the answer", sizeof got, MUST(read(talk[0], &got, sizeof got)));
    EXPECT("the answer", n + 1, got);
    if (n % 64 == 0) usleep(1000);
  }

  claim("pairs");
  for (int i = 0; i < 3; i++) {
    EXPECT("type", types[i], option(pair[i][0], SO_TYPE));
    EXPECT("non-blocking", i == 1 ? O_NONBLOCK : 0, MUST(fcntl(pair[i][0], F_GETFL)) & O_NONBLOCK);
    EXPECT("close-on-exec", i == 2 ? FD_CLOEXEC : 0, MUST(fcntl(pair[i][1], F_GETFD)));
    EXPECT("first message", i == 0 ? 8 : 3, MUST(read(pair[i][1], buffer, sizeof buffer)));
    EXPECT("its content", 0, memcmp(buffer, i == 0 ? "onethree" : "one", i == 0 ? 8 : 3));
    if (i > 0) EXPECT("second message", 5, MUST(read(pair[i][1], buffer, sizeof buffer)));
    EXPECT("message the other way", 9, MUST(read(pair[i][0], buffer, sizeof buffer)));
    MUST(write(pair[i][0], "again", 5));
    EXPECT("a new message", 5, MUST(read(pair[i][1], buffer, sizeof buffer)));
  }
  claim("passcred");
  EXPECT("SO_PASSCRED", 1, option(half[0], SO_PASSCRED));
  claim("buffers");
  EXPECT("SO_SNDBUF", sndbuf, option(bulk[0], SO_SNDBUF));
  claim("bulk");
  static char got[sizeof large];
  for (size_t done = 0; done < sizeof got;)
    done += (size_t)MUST(read(bulk[1], got + done, sizeof got - done));
  check_pattern("bulk", got, sizeof got, 3);
  claim("half-shut");
  EXPECT("bytes before the end", 3, MUST(read(half[1], buffer, sizeof buffer)));
  EXPECT("end of the half-shut pair", 0, MUST(read(half[1], buffer, sizeof buffer)));
  MUST(write(half[1], "still", 5));
  EXPECT("the open half", 5, MUST(read(half[0], buffer, sizeof buffer)));
  signal(SIGPIPE, SIG_IGN);
  EXPECT("writing to the shut half", -1, write(half[0], "x", 1));
  EXPECT("its errno", EPIPE, errno);
  claim("dead-peer");
  EXPECT("left by the dead peer", 4, MUST(read(dead[0], buffer, sizeof buffer)));
  EXPECT("end after the dead peer", 0, MUST(read(dead[0], buffer, sizeof buffer)));
  claim("path");
  talk_to(by_path, "socket", false);
  claim("abstract");
  talk_to(by_name, abstract, true);
  claim("datagrams");
  struct sockaddr_un address;
  socklen_t length = name_of(&address, "datagrams", false);
  EXPECT("datagram by path", 4, MUST(sendto(datagrams, "self", 4, 0, (struct sockaddr*)&address, length)));
  EXPECT("datagram", 4, MUST(read(datagrams, buffer, sizeof buffer)));
  claim("talk");
  close(talk[0]);
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("status of the child", 5 << 8, status);
  return say_ok();
}
