// One child in each system call that waits without end. Each goes on when it is let go, with what the call would have returned:
// no EINTR but where the call is made to be interrupted, and not before its time.
// @family Interrupted system calls
// @directory
// @claim pause calls.pause
// @claim sigsuspend calls.sigsuspend
// @claim wait4 calls.wait
// @claim waitid calls.wait
// @claim sigwaitinfo calls.sigtimedwait
// @claim read-eventfd calls.eventfd
// @claim read-signalfd calls.eventfd
// @claim read-timerfd calls.eventfd
// @claim read-fifo calls.pipe
// @claim readv-pipe calls.pipe
// @claim writev-pipe calls.pipe
// @claim splice calls.pipe
// @claim epoll-pwait calls.epoll
// @claim epoll-pwait2 calls.epoll
// @claim ppoll calls.poll
// @claim pselect calls.select
// @claim recvmsg calls.socket
// @claim recv-datagram calls.socket
// @claim send-full calls.socket
// @claim accept calls.socket
// @claim futex calls.futex
// @claim futex-bitset calls.futex
// @claim open-fifo calls.pipe
// @claim absolute-sleep calls.clock-absolute
// @claim io-getevents calls.aio
// @claim io-pgetevents calls.aio
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "workload.h"

static const char* const names[] = {
    "pause",         "sigsuspend",   "wait4",     "waitid",       "sigwaitinfo", "read-eventfd",
    "read-signalfd", "read-timerfd", "read-fifo", "readv-pipe",   "writev-pipe", "splice",
    "epoll-pwait",   "epoll-pwait2", "ppoll",     "pselect",      "recvmsg",     "recv-datagram",
    "send-full",     "accept",       "futex",     "futex-bitset", "open-fifo",   "absolute-sleep",
    "io-getevents",  "io-pgetevents"};
enum { kinds = sizeof names / sizeof *names };
struct shared {
  uint32_t word[kinds];
  _Atomic bool released[kinds];
  _Atomic pid_t inner[kinds];
};
static struct shared* shared;
static int in[kinds][2];  // what each waits for; 0 waits, 1 lets go

static void on_usr2(int signal) { (void)signal; }

// The ring of io_setup(2) belongs to one process's memory: another thread of it makes the request, once the child is let go.
static aio_context_t ring;
static void* submit_later(void* pipe_end) {
  char go, byte;
  MUST(read(*(int*)pipe_end, &go, 1));
  struct iocb request = {.aio_fildes = (uint32_t)MUST(open("/proc/self/exe", O_RDONLY)),
                         .aio_lio_opcode = IOCB_CMD_PREAD,
                         .aio_buf = (uint64_t)(uintptr_t)&byte,
                         .aio_nbytes = 1};
  struct iocb* list[] = {&request};
  MUST(syscall(SYS_io_submit, ring, 1, list));
  return NULL;
}

static long get_event(int kind) {
  pthread_t thread;
  struct io_event event;
  MUST(syscall(SYS_io_setup, 1, &ring));
  if (pthread_create(&thread, NULL, submit_later, &in[kind][0]) != 0) fail("a thread");
  long got = kind == 24 ? syscall(SYS_io_getevents, ring, 1, 1, &event, NULL)
                        : syscall(SYS_io_pgetevents, ring, 1, 1, &event, NULL, NULL);
  int error = errno;
  if (got == 1) pthread_join(thread, NULL);
  errno = error;
  return got == 1 ? event.res : got;
}

static long wait_in(int kind) {
  static char bytes[1 << 16];
  int fd = in[kind][0], status;
  struct iovec vector = {.iov_base = bytes, .iov_len = 1};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  struct epoll_event event = {.events = EPOLLIN};
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  siginfo_t info;
  sigset_t usr2, none;
  fd_set reads;
  sigemptyset(&none);
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  switch (kind) {
    case 0: return pause() == -1 && errno == EINTR ? 1 : -1;
    case 1: return sigprocmask(SIG_BLOCK, &usr2, NULL), sigsuspend(&none) == -1 && errno == EINTR ? 1 : -1;
    case 2: return waitpid(-1, &status, 0) == shared->inner[kind] && WTERMSIG(status) == SIGTERM ? 1 : -1;
    case 3:
      return waitid(P_ALL, 0, &info, WEXITED) == 0 && info.si_pid == shared->inner[kind] &&
                     info.si_status == SIGTERM
                 ? 1
                 : -1;
    case 4: return sigprocmask(SIG_BLOCK, &usr2, NULL), sigwaitinfo(&usr2, NULL) == SIGUSR2 ? 1 : -1;
    case 5: return read(fd, bytes, 8) == 8 ? 1 : -1;
    case 6:
      sigprocmask(SIG_BLOCK, &usr2, NULL);
      return read((int)MUST(signalfd(-1, &usr2, 0)), bytes, 128) == 128 ? 1 : -1;
    case 7: return read(fd, bytes, 8) == 8 ? 1 : -1;
    case 8: return read(fd, bytes, 1);
    case 9: return readv(fd, &vector, 1);
    case 10: vector.iov_len = 1; return writev(in[kind][1], &vector, 1);
    case 11: return splice(fd, NULL, (int)MUST(open("/dev/null", O_WRONLY)), NULL, 1, 0);
    case 12:
    case 13: {
      int epoll = (int)MUST(epoll_create1(0));
      MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
      if (kind == 12) return epoll_pwait(epoll, &event, 1, -1, &none);
      return syscall(SYS_epoll_pwait2, epoll, &event, 1, NULL, NULL, 0);
    }
    case 14: return ppoll(&wanted, 1, NULL, &none);
    case 15:
      FD_ZERO(&reads);
      FD_SET(fd, &reads);
      return pselect(fd + 1, &reads, NULL, NULL, NULL, &none);
    case 16: return recvmsg(fd, &message, 0);
    case 17: return recv(fd, bytes, sizeof bytes, 0);
    case 18: return send(in[kind][1], bytes, 1, 0);
    case 19: return accept(fd, NULL, NULL) >= 0 ? 1 : -1;
    case 20: return syscall(SYS_futex, &shared->word[kind], FUTEX_WAIT, 0, NULL) == 0 ? 1 : -1;
    case 21:
      return syscall(SYS_futex, &shared->word[kind], FUTEX_WAIT_BITSET, 0, NULL, NULL, 8) == 0 ? 1 : -1;
    case 22: return open("opened", O_RDONLY) >= 0 ? 1 : -1;
    case 24:
    case 25: return get_event(kind);
    default: {
      struct timespec end;  // a point in time far away, left by a signal
      clock_gettime(CLOCK_MONOTONIC, &end);
      end.tv_sec += 100000;
      return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR ? 1 : -1;
    }
  }
}

static void let_go(int kind, pid_t child) {
  static char sink[1 << 20];
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "listener"};
  struct itimerspec soon = {.it_value.tv_nsec = 1000};
  uint64_t one = 1;
  shared->released[kind] = true;
  switch (kind) {
    case 0:
    case 1:
    case 4:
    case 6:
    case 23: MUST(kill(child, SIGUSR2)); return;
    case 2:
    case 3: MUST(kill(shared->inner[kind], SIGTERM)); return;
    case 5: MUST(write(in[kind][0], &one, 8)); return;
    case 7: MUST(timerfd_settime(in[kind][0], 0, &soon, NULL)); return;
    case 10:
    case 18: MUST(read(in[kind][0], sink, sizeof sink)); return;
    case 19:
      MUST(connect((int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr*)&name, sizeof name));
      return;
    case 20:
    case 21: MUST(syscall(SYS_futex, &shared->word[kind], FUTEX_WAKE, 1)); return;
    case 22: MUST(open("opened", O_WRONLY)); return;
    default: MUST(write(in[kind][1], "x", 1));
  }
}

static void prepare(int kind) {
  static char block[4096];
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "listener"};
  int* ends = in[kind];
  if (kind == 5) ends[0] = (int)MUST(eventfd(0, 0));
  else if (kind == 7) ends[0] = (int)MUST(timerfd_create(CLOCK_MONOTONIC, 0));
  else if (kind == 8) MUST(mkfifo("fifo", 0600)), ends[0] = ends[1] = (int)MUST(open("fifo", O_RDWR));
  else if (kind == 16) MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  else if (kind == 17) MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
  else if (kind == 18) {
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    while (send(ends[1], block, sizeof block, MSG_DONTWAIT) > 0) continue;
  } else if (kind == 19) {
    ends[0] = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(bind(ends[0], (struct sockaddr*)&name, sizeof name));
    MUST(listen(ends[0], 3));
  } else if (kind == 22) MUST(mkfifo("opened", 0600));
  else MUST(pipe(ends));
  if (kind == 10)
    for (int i = 0; i < 16; i++) MUST(write(ends[1], block, sizeof block));
}

static void child(int kind) {
  signal(SIGUSR1, SIG_IGN);
  struct sigaction action = {.sa_handler = on_usr2};
  MUST(sigaction(SIGUSR2, &action, NULL));
  if (kind == 2 || kind == 3) {
    pid_t inner = (pid_t)MUST(fork());
    if (inner == 0)
      for (;;) pause();
    shared->inner[kind] = inner;
  }
  errno = 0;
  long got = wait_in(kind);
  // A full socket's room is counted in the kernel's own buffers: the same bytes may fit with some room on another host.
  if (!shared->released[kind] && kind != 18)
    disprove(names[kind], "expected to wait got through with %ld (%s)", got, strerror(errno));
  else if (got != 1) disprove(names[kind], "expected 1 got %ld (%s)", got, strerror(errno));
  _exit(broken_claims);
}

// Every child sleeps (state S) when it is in its call.
static void wait_asleep(pid_t pid) {
  char path[64], state = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  while (state != 'S') {
    FILE* file = fopen(path, "re");
    if (file == NULL || fscanf(file, "%*d %*s %c", &state) != 1) fail("%s: expected a state got none", path);
    fclose(file);
    usleep(1000);
  }
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pids[kinds];
  for (int i = 0; i < kinds; i++) prepare(i);
  for (int i = 0; i < kinds; i++) {
    pids[i] = (pid_t)MUST(fork());
    if (pids[i] == 0) child(i);
  }
  usleep(50000);
  for (int i = 0; i < kinds; i++) wait_asleep(pids[i]);
  say_ready();
  wait_for_stop();
  for (int i = 0; i < kinds; i++) {
    int status;
    let_go(i, pids[i]);
    MUST(waitpid(pids[i], &status, 0));
    if (status == 0) say("claim %s ok\n", names[i]);
    else disprove(names[i], "expected status 0 got %d", status);
  }
  return say_ok();
}
