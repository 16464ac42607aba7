// owners: who gets the signal when something happens to an open file: a process, a group, a thread; with a signal of its own
// or SIGIO; also where nothing is sent yet because O_ASYNC is off.
// @family Files
// @claim owner files.owner
// @claim owner-signal files.owner
// @claim async files.owner
// @claim group files.owner
// @claim thread files.owner
// @claim quiet files.owner
// @claim nobody files.owner
#include <fcntl.h>
#include <sys/socket.h>

#include "workload.h"

static volatile int signalled, signalled_fd;
static void on_ready(int signal, siginfo_t* info, void* context) {
  (void)context;
  signalled = signal, signalled_fd = info->si_fd;
}
static long long owner(int fd) {
  struct f_owner_ex who = {-1, -1};
  MUST(fcntl(fd, F_GETOWN_EX, &who));
  return (long long)who.type << 32 | (unsigned)who.pid;
}
static long long expected(int type, pid_t pid) { return (long long)type << 32 | (unsigned)pid; }
static void own(int fd, int type, pid_t pid) {
  struct f_owner_ex who = {type, pid};
  MUST(fcntl(fd, F_SETOWN_EX, &who));
}

int main(void) {
  int pipes[2], quiet[2], pair[2], lone[2];
  const int wanted = SIGRTMIN + 3;
  listen_for_stop();
  struct sigaction action = {.sa_sigaction = on_ready, .sa_flags = SA_SIGINFO | SA_RESTART};
  MUST(sigaction(wanted, &action, NULL));
  MUST(pipe(pipes));
  MUST(pipe(quiet));
  MUST(pipe(lone));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  own(pipes[0], F_OWNER_PID, getpid());
  MUST(fcntl(pipes[0], F_SETSIG, wanted));
  MUST(fcntl(pipes[0], F_SETFL, O_ASYNC));
  own(quiet[0], F_OWNER_PID, getpid());
  MUST(fcntl(quiet[0], F_SETSIG, wanted));
  own(pair[0], F_OWNER_PGRP, getpgrp());
  own(pair[1], F_OWNER_TID, (pid_t)syscall(SYS_gettid));
  say_ready();
  wait_for_stop();

  PROVE("owner", expected(F_OWNER_PID, getpid()), owner(pipes[0]));
  PROVE("owner-signal", wanted, fcntl(pipes[0], F_GETSIG));
  PROVE("group", expected(F_OWNER_PGRP, getpgrp()), owner(pair[0]));
  PROVE("thread", expected(F_OWNER_TID, (pid_t)syscall(SYS_gettid)), owner(pair[1]));
  PROVE("nobody", 0, owner(lone[0]) & 0xffffffff);
  claim("quiet");
  MUST(write(quiet[1], "q", 1));
  for (int i = 0; i < 20; i++) usleep(1000);
  if (signalled != 0) disprove("quiet", "expected no signal got %d", signalled);
  if (owner(quiet[0]) != expected(F_OWNER_PID, getpid()) || fcntl(quiet[0], F_GETSIG) != wanted)
    disprove("quiet", "expected %lld got %lld", expected(F_OWNER_PID, getpid()), owner(quiet[0]));
  claim("async");
  MUST(write(pipes[1], "a", 1));
  for (int i = 0; i < 2000 && signalled == 0; i++) usleep(1000);
  if (signalled != wanted || signalled_fd != pipes[0])
    disprove("async", "expected signal %d of %d got %d of %d", wanted, pipes[0], signalled, signalled_fd);
  return say_ok();
}
