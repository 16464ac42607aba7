// Threads that sit in calls without a time-out when they are moved: each comes back with what it would have returned, never EINTR,
// and not before it is let go. No thread but the first takes signals.
// @family Interrupted system calls
// @directory
// @claim read-pipe calls.pipe
// @claim write-pipe calls.pipe
// @claim recv calls.socket
// @claim accept calls.socket
// @claim poll calls.poll
// @claim epoll-wait calls.epoll
// @claim mutex calls.futex
// @claim sigwaitinfo calls.sigtimedwait
// @claim waitpid calls.wait
// @claim fcntl-lock calls.locks
// @claim flock calls.locks
// @claim condition calls.futex
// @claim pselect calls.select
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "workload.h"

static const char* const names[] = {"read of a pipe", "write to a full pipe", "recv",  "accept",
                                    "poll",           "epoll_wait",           "mutex", "sigwaitinfo",
                                    "waitpid",        "fcntl lock",           "flock", "condition variable",
                                    "pselect"};
static const char* const claims[] = {"read-pipe",  "write-pipe", "recv",  "accept",
                                     "poll",       "epoll-wait", "mutex", "sigwaitinfo",
                                     "waitpid",    "fcntl-lock", "flock", "condition",
                                     "pselect"};
enum { kinds = sizeof names / sizeof *names };
static int in[2], full[2], pair[2], listener, polled[2], epoll, epolled[2], locked, flocked, selected[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool signalled;
static pid_t sleeper;
static _Atomic bool released[kinds];

static long block(int kind) {
  char byte;
  struct pollfd wanted = {.fd = polled[0], .events = POLLIN};
  struct epoll_event event;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  sigset_t set;
  fd_set reads;
  int status;
  switch (kind) {
    case 0: return read(in[0], &byte, 1);
    case 1: return write(full[1], "z", 1);
    case 2: return recv(pair[0], &byte, 1, 0);
    case 3: return accept4(listener, NULL, NULL, SOCK_CLOEXEC) >= 0 ? 1 : -1;
    case 4: return poll(&wanted, 1, -1);
    case 5: return epoll_wait(epoll, &event, 1, -1);
    case 6: return pthread_mutex_lock(&mutex) == 0 ? 1 : -1;
    case 7:
      sigemptyset(&set), sigaddset(&set, SIGRTMAX - 1);
      return sigwaitinfo(&set, NULL) == SIGRTMAX - 1 ? 1 : -1;
    case 8: return waitpid(sleeper, &status, 0) == sleeper && WTERMSIG(status) == SIGTERM ? 1 : -1;
    case 9: return fcntl(locked, F_SETLKW, &lock) == 0 ? 1 : -1;
    case 10: return flock(flocked, LOCK_EX) == 0 ? 1 : -1;
    case 11:
      pthread_mutex_lock(&guard);
      while (!signalled) pthread_cond_wait(&condition, &guard);
      pthread_mutex_unlock(&guard);
      return 1;
    default:
      FD_ZERO(&reads);
      FD_SET(selected[0], &reads);
      return pselect(selected[0] + 1, &reads, NULL, NULL, NULL, NULL);
  }
}

static void* blocked(void* arg) {
  int kind = (int)(intptr_t)arg;
  long got = block(kind);
  if (got != 1) fail("%s: expected 1 got %ld (%s)", names[kind], got, strerror(errno));
  if (!released[kind]) fail("%s: expected to wait got through", names[kind]);
  return NULL;
}

static void release(int kind) {
  static char sink[65536];
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "listener"};
  released[kind] = true;
  switch (kind) {
    case 0: MUST(write(in[1], "x", 1)); break;
    case 1: MUST(read(full[0], sink, sizeof sink)); break;
    case 2: MUST(send(pair[1], "x", 1, 0)); break;
    case 3:
      MUST(connect((int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr*)&address, sizeof address));
      break;
    case 4: MUST(write(polled[1], "x", 1)); break;
    case 5: MUST(write(epolled[1], "x", 1)); break;
    case 6: MUST0(pthread_mutex_unlock(&mutex)); break;
    case 7: MUST(kill(getpid(), SIGRTMAX - 1)); break;
    case 8: MUST(kill(sleeper, SIGTERM)); break;
    case 9:
    case 10: break;  // the holder is told below
    case 11:
      pthread_mutex_lock(&guard), signalled = true, pthread_cond_signal(&condition),
                                  pthread_mutex_unlock(&guard);
      break;
    default: MUST(write(selected[1], "x", 1));
  }
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  static char block_of_bytes[65536];
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "listener"};
  MUST(pipe(in));
  MUST(pipe(full));
  MUST(write(full[1], block_of_bytes, sizeof block_of_bytes));
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  listener = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(bind(listener, (struct sockaddr*)&address, sizeof address));
  MUST(listen(listener, 5));
  MUST(pipe(polled));
  MUST(pipe(epolled));
  MUST(pipe(selected));
  epoll = (int)MUST(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, epolled[0], &event));
  locked = (int)MUST(open("locked", O_RDWR | O_CREAT, 0600));
  flocked = (int)MUST(open("flocked", O_RDWR | O_CREAT, 0600));
  int tell[2], told[2];
  MUST(pipe(tell));
  MUST(pipe(told));
  sleeper = (pid_t)MUST(fork());
  if (sleeper == 0)
    for (;;) pause();
  pid_t holder = (pid_t)MUST(fork());
  if (holder == 0) {  // holds both locks until it is told to end
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char byte;
    MUST(fcntl((int)MUST(open("locked", O_RDWR)), F_SETLKW, &lock));
    MUST(flock((int)MUST(open("flocked", O_RDWR)), LOCK_EX));
    MUST(write(told[1], "x", 1));
    MUST(read(tell[0], &byte, 1));
    _exit(0);
  }
  char byte;
  MUST(read(told[0], &byte, 1));
  MUST0(pthread_mutex_lock(&mutex));
  pthread_t thread[kinds];
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  for (intptr_t i = 0; i < kinds; i++) MUST0(pthread_create(&thread[i], NULL, blocked, (void*)i));
  sigdelset(&all, SIGUSR1);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  usleep(50000);
  say_ready();
  wait_for_stop();
  for (int i = 0; i < kinds; i++) release(i);
  MUST(write(tell[1], "x", 1));
  for (int i = 0; i < kinds; i++) {
    MUST0(pthread_join(thread[i], NULL));
    say("claim %s ok\n", claims[i]);
  }
  MUST(waitpid(holder, NULL, 0));
  return say_ok();
}
