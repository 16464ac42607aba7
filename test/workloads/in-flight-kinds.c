// Every kind of open file while it is on its way in a unix socket and nothing else leads to it. A child gets files and sends them back all
// the time; in motion the parent juggles too.
// @family Files
// @directory
// @turn terminals
// @claim kinds files.in-flight
// @claim juggled files.in-flight
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "messages.h"

// Three files on a round trip through a child, which writes its turn into each; at most a few are held by nobody but the queue.
enum { balls = 3 };
static struct pair there, back;
static long turns;
static void juggle_once(void) {
  static struct message got;
  if (!receive_some(back.out, &got, sizeof got.data, MSG_DONTWAIT)) return;
  EXPECT("files of a turn", 1, got.count);
  uint64_t value;
  MUST(read(got.fds[0], &value, sizeof value));
  EXPECT("the value of a file", got.data[0] + 2, value);
  value = (uint64_t)got.data[0] + 1;
  MUST(write(got.fds[0], &value, sizeof value));
  send_named(there.in, got.data, (size_t)got.size, NULL, 1, got.fds);
  MUST(close(got.fds[0]));
  turns++;
}
static void child_juggles(void) {
  static struct message got;
  signal(SIGUSR1, SIG_IGN);
  for (;;) {
    if (!receive_some(there.out, &got, sizeof got.data, 0)) _exit(errno == EINTR ? 4 : 5);
    if (got.size == 0) _exit(0);
    uint64_t value;
    if (got.count != 1 || read(got.fds[0], &value, sizeof value) != sizeof value) _exit(6);
    value++;
    if (write(got.fds[0], &value, sizeof value) != sizeof value) _exit(7);
    send_named(back.in, got.data, (size_t)got.size, NULL, 1, got.fds);
    close(got.fds[0]);
    usleep(200);
  }
}
static pid_t juggler;
static void start_juggling(void) {
  there = make_pair(SOCK_SEQPACKET), back = make_pair(SOCK_SEQPACKET);
  juggler = (pid_t)MUST(fork());
  if (juggler == 0) {
    close(there.in);
    child_juggles();
  }
  for (int i = 0; i < balls; i++) {
    int ball = (int)MUST(eventfd((unsigned)i + 1, 0));
    send_named(there.in, (char[]){(char)i}, 1, NULL, 1, &ball);
    MUST(close(ball));
  }
}
static void stop_juggling(void) {
  static struct message got;
  for (int i = 0; i < 50; i++) {
    juggle_once();
    usleep(1000);
  }
  MUST(shutdown(there.in, SHUT_WR));
  int status, found = 0;
  MUST(waitpid(juggler, &status, 0));
  EXPECT("status of the juggler", 0, status);
  while (receive_some(back.out, &got, sizeof got.data, MSG_DONTWAIT) && got.count == 1) found++;
  EXPECT("what came back", balls, found);
}

// Kinds of files that live nowhere but in flight.
enum {
  k_read,
  k_write,
  k_event,
  k_epoll,
  k_inotify,
  k_timer,
  k_signal,
  k_dir,
  k_device,
  k_path,
  k_pty,
  k_slave,
  k_listener,
  k_udp,
  k_unix,
  k_pidfd,
  k_kinds
};
static int inotify_watch;
static struct sockaddr_in listening[3];
static struct sockaddr_un name_of(int round) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "in-flight-%d", round);
  return name;
}
static const char* watched(int round) {
  return (const char*[]){"watched-0", "watched-1", "watched-2"}[round];
}

static void send_kinds(int carrier, int round, pid_t child) {
  int fds[k_kinds], ends[2];
  MUST(pipe2(ends, O_NONBLOCK));
  fds[k_read] = ends[0], fds[k_write] = ends[1];
  MUST(write(ends[1], "in the pipe", 11));
  fds[k_event] = (int)MUST(eventfd(5, EFD_SEMAPHORE));
  fds[k_epoll] = (int)MUST(epoll_create1(0));
  struct epoll_event wanted = {.events = EPOLLIN, .data.u64 = 0x123456789abcull};
  MUST(epoll_ctl(fds[k_epoll], EPOLL_CTL_ADD, fds[k_read], &wanted));
  fds[k_inotify] = (int)MUST(inotify_init1(IN_NONBLOCK));
  MUST(mkdir(watched(round), 0700));
  inotify_watch = (int)MUST(inotify_add_watch(fds[k_inotify], watched(round), IN_CREATE));
  fds[k_timer] = (int)MUST(timerfd_create(CLOCK_MONOTONIC, 0));
  struct itimerspec hour = {.it_value.tv_sec = 3600, .it_interval.tv_sec = 7};
  MUST(timerfd_settime(fds[k_timer], 0, &hour, NULL));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  fds[k_signal] = (int)MUST(signalfd(-1, &set, SFD_NONBLOCK));
  fds[k_dir] = (int)MUST(open(".", O_RDONLY | O_DIRECTORY));
  fds[k_device] = (int)MUST(open("/dev/zero", O_RDONLY));
  fds[k_path] = (int)MUST(open(watched(round), O_PATH));
  fds[k_pty] = (int)MUST(posix_openpt(O_RDWR | O_NOCTTY));
  MUST(grantpt(fds[k_pty]));
  MUST(unlockpt(fds[k_pty]));
  fds[k_slave] = (int)MUST(open(ptsname(fds[k_pty]), O_RDWR | O_NOCTTY));
  fds[k_listener] = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
  listening[round] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof listening[round];
  MUST(bind(fds[k_listener], (struct sockaddr*)&listening[round], size));
  MUST(listen(fds[k_listener], 3));
  MUST(getsockname(fds[k_listener], (struct sockaddr*)&listening[round], &size));
  fds[k_udp] = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0));
  MUST(connect(fds[k_udp], (struct sockaddr*)&listening[round], size));
  fds[k_unix] = (int)MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  struct sockaddr_un name = name_of(round);
  MUST(bind(fds[k_unix], (struct sockaddr*)&name, sizeof name));
  fds[k_pidfd] = (int)MUST(syscall(SYS_pidfd_open, child, 0));
  send_named(carrier, "kinds", 5, NULL, k_kinds, fds);
  for (int i = 0; i < k_kinds; i++) close(fds[i]);
}

static void check_kinds(int carrier, int round, pid_t child) {
  struct message got = receive(carrier, "kinds", k_kinds);
  const int* fds = got.fds;
  struct epoll_event event;
  EXPECT("ready", 1, MUST(epoll_wait(fds[k_epoll], &event, 1, 0)));
  EXPECT("data of the watch", 0x123456789abcull, event.data.u64);
  expect_content("of the pipe", fds[k_read], "in the pipe");
  EXPECT("ready afterwards", 0, MUST(epoll_wait(fds[k_epoll], &event, 1, 0)));
  MUST(write(fds[k_write], "x", 1));
  expect_content("of the pipe again", fds[k_read], "x");
  uint64_t value;
  for (int i = 0; i < 5; i++) MUST(read(fds[k_event], &value, sizeof value));
  EXPECT("a semaphore's step", 1, value);
  char path[64];
  snprintf(path, sizeof path, "%s/file", watched(round));
  MUST(close((int)MUST(creat(path, 0600))));
  struct {
    struct inotify_event event;
    char name[256];
  } note;
  MUST(read(fds[k_inotify], &note, sizeof note));
  EXPECT("number of the watch", inotify_watch, note.event.wd);
  struct itimerspec left;
  MUST(timerfd_gettime(fds[k_timer], &left));
  if (left.it_value.tv_sec > 3600 || left.it_value.tv_sec < 2000)
    fail("seconds left: got %ld", left.it_value.tv_sec);
  EXPECT("interval", 7, left.it_interval.tv_sec);
  kill(getpid(), SIGUSR2);
  struct signalfd_siginfo signal;
  EXPECT("a signal", sizeof signal, MUST(read(fds[k_signal], &signal, sizeof signal)));
  struct stat here, there_;
  MUST(fstat(fds[k_dir], &here));
  MUST(stat(".", &there_));
  EXPECT("the directory", there_.st_ino, here.st_ino);
  EXPECT("a zero", 1, MUST(read(fds[k_device], &value, 1)));
  EXPECT("flags of a path", O_PATH, MUST(fcntl(fds[k_path], F_GETFL)) & O_PATH);
  MUST(write(fds[k_slave], "up\n", 3));
  char line[8] = {0};
  MUST(read(fds[k_pty], line, sizeof line - 1));
  EXPECT_TEXT("through the terminal", "up\r\n", line);
  int client = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(connect(client, (struct sockaddr*)&listening[round], sizeof listening[round]));
  MUST(close((int)MUST(accept(fds[k_listener], NULL, NULL))));
  MUST(close(client));
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  MUST(getpeername(fds[k_udp], (struct sockaddr*)&peer, &size));
  EXPECT("port of the peer", listening[round].sin_port, peer.sin_port);
  struct sockaddr_un name = name_of(round);
  client = (int)MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
  MUST(sendto(client, "by name", 7, 0, (struct sockaddr*)&name, sizeof name));
  expect_content("by name", fds[k_unix], "by name");
  MUST(syscall(SYS_pidfd_send_signal, fds[k_pidfd], 0, NULL, 0));
  if (round < 2) return;
  kill(child, SIGKILL);
  siginfo_t info;
  MUST(waitid(P_PIDFD, (id_t)fds[k_pidfd], &info, WEXITED));
  EXPECT("who ended", child, info.si_pid);
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  start_juggling();
  pid_t sleeper = (pid_t)MUST(fork());
  if (sleeper == 0)
    for (;;) pause();
  struct pair kinds[3];
  for (int i = 0; i < 3; i++) {
    kinds[i] = make_pair((int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}[i]);
    send_kinds(kinds[i].in, i, sleeper);
  }
  motion = juggle_once;
  say_ready();
  wait_for_stop();

  claim("kinds");
  for (int i = 0; i < 3; i++) check_kinds(kinds[i].out, i, sleeper);
  claim("juggled");
  stop_juggling();
  return say_ok();
}
