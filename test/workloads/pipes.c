// Pipes: data in the buffer, capacities, packets, non-blocking ends, a closed writer with data unread, a FIFO, both ends in one
// process, and a stream of numbers between processes that never stops. argv[1] is an empty directory.
// @family Pipes and FIFOs
// @directory
// @always-moving
// @claim full pipes.data
// @claim empty pipes.flags
// @claim packets pipes.packets
// @claim closed-writer pipes.closed
// @claim capacity pipes.capacity
// @claim dup pipes.flags
// @claim fifo pipes.fifo
// @claim fifo-by-name pipes.fifo
// @claim stream pipes.several
#include <sys/stat.h>

#include "workload.h"

static void make(int ends[2], int flags) { MUST(pipe2(ends, flags)); }

// Sends 1, 2, 3, ... until the other end is closed.
static void pump(int out) {
  signal(SIGPIPE, SIG_IGN);
  for (uint64_t n = 1;; n++) {
    ssize_t sent = write(out, &n, sizeof n);
    if (sent == -1 && errno == EPIPE) _exit(7);
    EXPECT("bytes pumped", sizeof n, sent);
    if (n % 1000 == 0) usleep(1000);
  }
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  int stream[2];
  make(stream, 0);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    close(stream[0]);
    pump(stream[1]);
  }
  close(stream[1]);

  int full[2], empty[2], packets[2], ended[2], big[2], exec[2];
  make(full, 0);
  static char block[65536], got[1 << 20];
  fill_pattern(block, sizeof block, 99);
  EXPECT("bytes that fit", 65536, MUST(write(full[1], block, sizeof block)));
  make(empty, O_NONBLOCK);
  make(packets, O_DIRECT | O_NONBLOCK);
  MUST(write(packets[1], "one", 3));
  MUST(write(packets[1], "three", 5));
  make(ended, O_CLOEXEC);
  MUST(write(ended[1], "last words", 10));
  close(ended[1]);
  make(big, 0);
  long capacity = fcntl(big[0], F_SETPIPE_SZ, 1 << 20);
  if (capacity < 0) capacity = MUST(fcntl(big[0], F_SETPIPE_SZ, 1 << 17));
  for (int i = 0; i < 3; i++) MUST(write(big[1], block, 40000));
  make(exec, 0);
  MUST(fcntl(exec[1], F_SETFD, FD_CLOEXEC));
  int shared_end = (int)MUST(dup(exec[1]));
  MUST(mkfifo("fifo", 0600));
  int fifo = (int)MUST(open("fifo", O_RDWR)), reader = (int)MUST(open("fifo", O_RDONLY | O_NONBLOCK));
  MUST(write(fifo, "queued", 6));

  uint64_t wanted = 1, value;
  say_ready();
  while (!stop_wanted) {
    EXPECT("bytes of the stream", sizeof value, MUST(read(stream[0], &value, sizeof value)));
    EXPECT("number of the stream", wanted++, value);
  }

  claim("full");
  EXPECT("bytes of the full pipe", 65536, MUST(read(full[0], got, sizeof got)));
  check_pattern("content of the full pipe", got, 65536, 99);
  claim("empty");
  EXPECT("the empty pipe", -1, read(empty[0], got, 1));
  EXPECT("its errno", EAGAIN, errno);
  claim("packets");
  EXPECT("the first packet", 3, MUST(read(packets[0], got, 100)));
  EXPECT("the second packet", 5, MUST(read(packets[0], got, 100)));
  claim("closed-writer");
  EXPECT("last words", 10, MUST(read(ended[0], got, 100)));
  EXPECT("end of the pipe", 0, MUST(read(ended[0], got, 100)));
  EXPECT("close-on-exec", FD_CLOEXEC, MUST(fcntl(ended[0], F_GETFD)));
  claim("capacity");
  EXPECT("capacity", capacity, MUST(fcntl(big[1], F_GETPIPE_SZ)));
  size_t total = 0;
  while (total < 120000) total += (size_t)MUST(read(big[0], got + total, sizeof got - total));
  EXPECT("bytes of the big pipe", 120000, total);
  for (int i = 0; i < 3; i++) check_pattern("content of the big pipe", got + i * 40000, 40000, 99);
  claim("dup");
  EXPECT("close-on-exec of one dup", FD_CLOEXEC, MUST(fcntl(exec[1], F_GETFD)));
  EXPECT("close-on-exec of the other", 0, MUST(fcntl(shared_end, F_GETFD)));
  close(exec[1]);
  MUST(write(shared_end, "z", 1));
  EXPECT("through the dup", 1, MUST(read(exec[0], got, 10)));
  close(shared_end);
  EXPECT("end after the last writer", 0, MUST(read(exec[0], got, 10)));
  claim("fifo");
  EXPECT("bytes of the FIFO", 6, MUST(read(reader, got, 100)));
  claim("fifo-by-name");
  int other = (int)MUST(open("fifo", O_WRONLY | O_NONBLOCK));
  MUST(write(other, "by name", 7));
  EXPECT("bytes by its name", 7, MUST(read(reader, got, 100)));

  claim("stream");
  close(stream[0]);
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("status of the pump", 7 << 8, status);
  return say_ok();
}
