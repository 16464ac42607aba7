// pidfds: descriptors of a living process, of the program itself, of a thread, of a zombie, and of a process that was reaped; one of them
// watched by an epoll, one non-blocking.
// @family Event objects
// @claim living events.pidfd
// @claim living-watched events.pidfd
// @claim waited-for events.pidfd
// @claim own events.pidfd
// @claim zombie events.pidfd
// @claim zombie-status events.pidfd
// @claim reaped events.pidfd
// @claim reaped-watched events.pidfd
// @claim thread events.pidfd
// @claim nonblocking events.pidfd
// @claim shared events.pidfd
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "workload.h"

#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static int pidfd(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
static int send_to(int fd, int signal) {
  return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0 ? 0 : errno;
}
static bool is_ready(int fd, int ms) {
  struct pollfd wanted = {.fd = fd, .events = POLLIN};
  return MUST(poll(&wanted, 1, ms)) == 1;
}
static pid_t child(void) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid == 0)
    for (;;) pause();
  return pid;
}
static pthread_barrier_t gate;
static pid_t thread_id;
static void* other(void* unused) {
  thread_id = (pid_t)syscall(SYS_gettid);
  pthread_barrier_wait(&gate);
  pthread_barrier_wait(&gate);
  return unused;
}

int main(void) {
  pthread_t thread;
  siginfo_t info;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
  listen_for_stop();
  pid_t one = child(), two = child(), three = child();
  int living = (int)MUST(pidfd(one, PIDFD_NONBLOCK)), zombie = (int)MUST(pidfd(two, 0)),
      gone = (int)MUST(pidfd(three, 0)), own = (int)MUST(pidfd(getpid(), 0)), copy = (int)MUST(dup(living)),
      epoll = (int)MUST(epoll_create1(0));
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, living, &event));
  MUST(kill(two, SIGTERM));
  MUST(kill(three, SIGKILL));
  MUST(waitid(P_PID, (id_t)two, &info, WEXITED | WNOWAIT));
  MUST(waitpid(three, NULL, 0));
  // Watched once, and reported: that is over.
  int once = (int)MUST(epoll_create1(0));
  event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 78};
  MUST(epoll_ctl(once, EPOLL_CTL_ADD, gone, &event));
  EXPECT("an end to report", 1, MUST(epoll_wait(once, &event, 1, 0)));
  MUST0(pthread_barrier_init(&gate, NULL, 2));
  MUST0(pthread_create(&thread, NULL, other, NULL));
  pthread_barrier_wait(&gate);
  int threads = pidfd(thread_id, PIDFD_THREAD);  // Linux 6.9
  say_ready();
  wait_for_stop();

  PROVE("own", 0, send_to(own, 0));
  claim("zombie");
  if (!is_ready(zombie, 0)) disprove("zombie", "expected a ready descriptor got none");
  claim("zombie-status");
  memset(&info, 0, sizeof info);
  if (waitid(P_PIDFD, (id_t)zombie, &info, WEXITED) == -1 || info.si_pid != two || info.si_status != SIGTERM)
    disprove("zombie-status", "expected %d of %d got %d of %d", SIGTERM, two, info.si_status, info.si_pid);
  claim("reaped");
  if (send_to(gone, 0) != ESRCH || !is_ready(gone, 0))
    disprove("reaped", "expected ESRCH got %s", strerror(send_to(gone, 0)));
  claim("reaped-watched");
  EXPECT("reported again", 0, MUST(epoll_wait(once, &event, 1, 0)));
  event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 79};
  MUST(epoll_ctl(once, EPOLL_CTL_MOD, gone, &event));
  EXPECT("reported when asked again", 1, MUST(epoll_wait(once, &event, 1, 0)));
  claim("nonblocking");
  if (waitid(P_PIDFD, (id_t)living, &info, WEXITED) != -1 || errno != EAGAIN)
    disprove("nonblocking", "expected EAGAIN got %s", strerror(errno));
  claim("living");
  if (is_ready(living, 0)) disprove("living", "expected a process that lives got one that has ended");
  PROVE("living", 0, send_to(living, SIGKILL));
  claim("shared");
  if (!is_ready(copy, 5000)) disprove("shared", "expected the end of the process got none");
  claim("living-watched");
  if (MUST(epoll_wait(epoll, &event, 1, 5000)) != 1 || event.data.u64 != 77)
    disprove("living-watched", "expected its event got %llu", (unsigned long long)event.data.u64);
  claim("waited-for");
  if (waitid(P_PIDFD, (id_t)living, &info, WEXITED) == -1 || info.si_pid != one)
    disprove("waited-for", "expected %d got %d", one, info.si_pid);
  claim("thread");
  if (threads != -1 && is_ready(threads, 0))
    disprove("thread", "expected a thread that lives got one that has ended");
  pthread_barrier_wait(&gate);
  MUST0(pthread_join(thread, NULL));
  if (threads != -1 && !is_ready(threads, 5000))
    disprove("thread", "expected the end of the thread got none");
  return say_ok();
}
