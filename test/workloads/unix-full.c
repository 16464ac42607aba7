// Unix sockets without room: filled by writes of one byte, by a child that is blocked in a large write, by messages of many sizes,
// and with a send buffer that was made small afterwards. Every byte and border arrives, and whoever waits for room goes on.
// @family Unix sockets
// @directory
// @claim bytes unix.full
// @claim blocked-writer unix.full
// @claim borders unix.full
// @claim small-buffer unix.full
// @claim named unix.full
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "workload.h"

enum { large = 3 << 20, most = 4096 };
struct full {
  int fds[2], count;
};

static size_t length_of(int i) { return 1 + (size_t)(mix((uint64_t)i) % 3000); }
static unsigned char byte_of(int i) { return (unsigned char)(i * 7 + 3); }

// Messages of many sizes until there is no room.
static struct full fill(int type) {
  struct full full = {.count = 0};
  static char message[most];
  MUST(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, full.fds));
  for (;; full.count++) {
    memset(message, byte_of(full.count), length_of(full.count));
    if (write(full.fds[0], message, length_of(full.count)) == -1) break;
  }
  EXPECT("why there is no room", EAGAIN, errno);
  return full;
}
static void expect_message(int fd, int i) {
  static char message[most];
  EXPECT("length of a message", length_of(i), MUST(read(fd, message, sizeof message)));
  EXPECT("its first byte", byte_of(i), (unsigned char)message[0]);
  EXPECT("its last byte", byte_of(i), (unsigned char)message[length_of(i) - 1]);
}
static void drain(const char* name, struct full full) {
  claim(name);
  for (int i = 0; i < full.count; i++) expect_message(full.fds[1], i);
  EXPECT("more than was sent", -1, read(full.fds[1], (char[1]){0}, 1));
  MUST(write(full.fds[0], "x", 1));
  EXPECT("room again", 1, MUST(read(full.fds[1], (char[1]){0}, 1)));
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  int bytes[2], sent = 0, blocked[2], small = 4096;
  MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, bytes));
  while (write(bytes[0], (unsigned char[]){byte_of(sent)}, 1) == 1) sent++;
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, blocked));
  static char block[large], got[large];
  fill_pattern(block, sizeof block, 5);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    close(blocked[0]);
    // A stop by ptrace or the freezer ends a write that has taken a part, as SIGSTOP does: it returns that part.
    for (size_t done = 0; done < sizeof block;)
      done += (size_t)MUST(write(blocked[1], block + done, large - done));
    _exit(3);
  }
  close(blocked[1]);
  struct full packets = fill(SOCK_SEQPACKET), datagrams = fill(SOCK_DGRAM), shrunk[2];
  for (int i = 0; i < 2; i++) {
    shrunk[i] = fill(i == 0 ? SOCK_SEQPACKET : SOCK_STREAM);
    MUST(setsockopt(shrunk[i].fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
  }
  // A receiver that is connected to nobody takes as many as net.unix.max_dgram_qlen says.
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "named"};
  struct full named = {.count = 0};
  for (int i = 0; i < 2; i++) named.fds[i] = (int)MUST(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  MUST(bind(named.fds[1], (struct sockaddr*)&address, sizeof address));
  MUST(connect(named.fds[0], (struct sockaddr*)&address, sizeof address));
  static char message[most];
  for (;; named.count++) {
    memset(message, byte_of(named.count), length_of(named.count));
    if (write(named.fds[0], message, length_of(named.count)) == -1) break;
  }
  say_ready();
  wait_for_stop();

  claim("bytes");
  for (int i = 0; i < sent; i++) {
    unsigned char byte;
    EXPECT("a byte", 1, MUST(read(bytes[1], &byte, 1)));
    EXPECT("its value", byte_of(i), byte);
  }
  EXPECT("more than was written", -1, read(bytes[1], (char[1]){0}, 1));
  MUST(write(bytes[0], "x", 1));
  claim("blocked-writer");
  for (size_t done = 0; done < sizeof got;) {
    long long count = MUST(read(blocked[0], got + done, sizeof got - done));
    if (count == 0) fail("bytes of the blocked writer: expected %d got %zu", large, done);
    done += (size_t)count;
  }
  check_pattern("written by the blocked writer", got, sizeof got, 5);
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("status of the blocked writer", 3 << 8, status);
  drain("borders", packets);
  drain("borders", datagrams);
  drain("named", named);
  claim("small-buffer");
  for (int i = 0; i < 2; i++) {
    socklen_t size = sizeof small;
    MUST(getsockopt(shrunk[i].fds[0], SOL_SOCKET, SO_SNDBUF, &small, &size));
    EXPECT("SO_SNDBUF", 2 * 4096 < 4608 ? 4608 : 2 * 4096, small);
  }
  for (int i = 0; i < shrunk[0].count; i++) expect_message(shrunk[0].fds[1], i);
  size_t stream = 0, total = 0;
  for (int i = 0; i < shrunk[1].count; i++) total += length_of(i);
  for (long long count; (count = read(shrunk[1].fds[1], got, sizeof got)) > 0;) stream += (size_t)count;
  // The last write may have gone out in part.
  if (stream < total || stream > total + most) fail("bytes: expected %zu got %zu", total, stream);
  return say_ok();
}
