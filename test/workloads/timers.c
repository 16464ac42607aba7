// timers [wait in ms] [lateness allowed in ms]: threads that wait in every call with a time-out and must come back after that time,
// neither early nor with EINTR; interval timers, POSIX timers and timerfds that go on ticking; clocks that do not jump.
// @family Time
// @arguments 1500 800
// @claim nanosleep calls.nanosleep
// @claim clock-nanosleep calls.clock-relative
// @claim absolute-sleep calls.clock-absolute
// @claim poll calls.poll
// @claim ppoll calls.poll
// @claim select calls.select
// @claim epoll-wait calls.epoll
// @claim futex calls.futex
// @claim sem-timedwait calls.futex
// @claim sigtimedwait calls.sigtimedwait
// @claim recv calls.socket
// @claim boottime-sleep calls.clock-relative
// @claim monotonic time.monotonic
// @claim boottime time.boottime
// @claim timerfd time.timerfd
// @claim posix-timer time.posix-clocks
// @claim posix-value time.posix-notify
// @claim itimer-real time.itimers
// @claim hour time.posix-clocks
// @claim day time.timerfd
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "workload.h"

static long wait_ms = 1500, late_ms = 1500;
static _Atomic bool stopping;
static uint32_t word;
static sem_t never;
static int silent[2], epoll;
static volatile long alarms, ticks, tick_value;

static struct timespec after(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_nsec += wait_ms % 1000 * 1000000;
  t.tv_sec += wait_ms / 1000 + t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

static const char* const names[] = {"nanosleep",
                                    "clock_nanosleep",
                                    "absolute clock_nanosleep",
                                    "poll",
                                    "ppoll",
                                    "select",
                                    "epoll_wait",
                                    "futex",
                                    "sem_timedwait",
                                    "sigtimedwait",
                                    "recv",
                                    "clock_nanosleep boottime"};
static const char* const claims[] = {"nanosleep", "clock-nanosleep", "absolute-sleep", "poll", "ppoll", "select", "epoll-wait", "futex", "sem-timedwait", "sigtimedwait", "recv", "boottime-sleep"};
enum { kinds = sizeof names / sizeof *names };

// One wait; gives back the error, 0 for "the time is over" in whatever way the call says it.
static int wait_once(int kind) {
  struct timespec length = {wait_ms / 1000, wait_ms % 1000 * 1000000}, at;
  struct timeval interval = {wait_ms / 1000, wait_ms % 1000 * 1000};
  struct pollfd wanted = {.fd = silent[0], .events = POLLIN};
  struct epoll_event event;
  sigset_t set;
  fd_set reads;
  char byte;
  switch (kind) {
    case 0: return nanosleep(&length, NULL) == 0 ? 0 : errno;
    case 1: return clock_nanosleep(CLOCK_MONOTONIC, 0, &length, NULL);
    case 2: return at = after(CLOCK_MONOTONIC), clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    case 3: return poll(&wanted, 1, (int)wait_ms) == 0 ? 0 : errno;
    case 4: return ppoll(&wanted, 1, &length, NULL) == 0 ? 0 : errno;
    case 5:
      FD_ZERO(&reads);
      FD_SET(silent[0], &reads);
      return select(silent[0] + 1, &reads, NULL, NULL, &interval) == 0 ? 0 : errno;
    case 6: return epoll_wait(epoll, &event, 1, (int)wait_ms) == 0 ? 0 : errno;
    case 7: return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &length) == 0 || errno == ETIMEDOUT ? 0 : errno;
    case 8:
      return at = after(CLOCK_REALTIME), sem_timedwait(&never, &at) == -1 && errno == ETIMEDOUT ? 0 : errno;
    case 9:
      sigemptyset(&set), sigaddset(&set, SIGRTMAX);
      return sigtimedwait(&set, NULL, &length) == -1 && errno == EAGAIN ? 0 : errno;
    case 10: return recv(silent[1], &byte, 1, 0) == -1 && errno == EAGAIN ? 0 : errno;
    default: return clock_nanosleep(CLOCK_BOOTTIME, 0, &length, NULL);
  }
}

static char problem[kinds][160];  // the first of each, told together at the end

static void* waiter(void* arg) {
  int kind = (int)(intptr_t)arg;
  while (!stopping) {
    int64_t start = now_us(CLOCK_MONOTONIC);
    int error = wait_once(kind);
    long long took = (now_us(CLOCK_MONOTONIC) - start) / 1000;
    // No kernel keeps what is left of a sigtimedwait, or of a recv with a time limit: each freeze begins them anew.
    long latest = wait_ms + late_ms + (kind == 9 || kind == 10 ? 2 * wait_ms : 0);
    bool wrong = error != 0 || took < wait_ms - 20 || took > latest;
    if (!wrong || problem[kind][0] != 0) continue;
    snprintf(problem[kind], sizeof problem[kind], "%s: expected %ld ms got %lld (%s); ", names[kind], wait_ms,
             took, error == 0 ? "time over" : strerror(error));
  }
  return NULL;
}

static void on_alarm(int signal) { (void)signal, alarms++; }
static void on_tick(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  ticks += 1 + info->si_overrun;
  tick_value = info->si_value.sival_int;
}

// Microseconds that a timer should have left, to half a second.
static void prove_left(const char* name, long long expected, const struct itimerspec* left) {
  long long got = left->it_value.tv_sec * 1000000ll + left->it_value.tv_nsec / 1000;
  if (llabs(got - expected) > 500000) disprove(name, "time left: expected %lld got %lld us", expected, got);
}

int main(int argc, char** argv) {
  if (argc > 1) wait_ms = atol(argv[1]);
  if (argc > 2) late_ms = atol(argv[2]);
  listen_for_stop();
  struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
  MUST(sigaction(SIGRTMIN, &action, NULL));
  action = (struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGALRM, &action, NULL));
  MUST(pipe(silent));
  int pair[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  struct timeval limit = {wait_ms / 1000, wait_ms % 1000 * 1000};
  MUST(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  silent[1] = pair[0];
  epoll = (int)MUST(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, silent[0], &event));
  sem_init(&never, 0, 0);

  pthread_t thread[kinds];
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  for (intptr_t i = 0; i < kinds; i++) MUST0(pthread_create(&thread[i], NULL, waiter, (void*)i));
  pthread_sigmask(SIG_SETMASK, &old, NULL);

  int64_t mono = now_us(CLOCK_MONOTONIC), boot = now_us(CLOCK_BOOTTIME), real = now_us(CLOCK_REALTIME);
  struct itimerval tenth = {.it_interval.tv_usec = 100000, .it_value.tv_usec = 100000};
  struct itimerspec tenths = {.it_interval.tv_nsec = 100000000, .it_value.tv_nsec = 100000000}, left;
  struct itimerspec hour = {.it_value.tv_sec = 3600},
                    day = {.it_value.tv_sec = now_us(CLOCK_BOOTTIME) / 1000000 + 86400};
  MUST(setitimer(ITIMER_REAL, &tenth, NULL));
  timer_t unused, timer, far;
  struct sigevent how = {
      .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 4711};
  MUST(timer_create(CLOCK_MONOTONIC, &how, &unused));
  MUST(timer_create(CLOCK_MONOTONIC, &how, &timer));
  MUST(timer_delete(unused));  // leaves a gap in the IDs
  MUST(timer_create(CLOCK_BOOTTIME, NULL, &far));
  MUST(timer_settime(timer, 0, &tenths, NULL));
  MUST(timer_settime(far, 0, &hour, NULL));
  int fd = (int)MUST(timerfd_create(CLOCK_MONOTONIC, 0)),
      fd_day = (int)MUST(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC));
  MUST(timerfd_settime(fd, 0, &tenths, NULL));
  MUST(timerfd_settime(fd_day, TFD_TIMER_ABSTIME, &day, NULL));
  say_ready();
  int64_t last = 0;
  while (!stop_wanted) {
    int64_t time = now_us(CLOCK_MONOTONIC);
    if (time < last)
      fail("monotonic clock: expected at least %lld got %lld", (long long)last, (long long)time);
    last = time;
    usleep(2000);
  }
  int64_t passed = now_us(CLOCK_REALTIME) - real, monotonic = now_us(CLOCK_MONOTONIC) - mono,
          up = now_us(CLOCK_BOOTTIME) - boot;
  claim("monotonic");
  if (llabs(passed - monotonic) > 500000)
    disprove("monotonic", "monotonic clock: expected %lld got %lld us; ", (long long)passed, (long long)monotonic);
  claim("boottime");
  if (llabs(passed - up) > 500000)
    disprove("boottime", "boot clock: expected %lld got %lld us; ", (long long)passed, (long long)up);
  uint64_t expired;
  MUST(read(fd, &expired, sizeof expired));
  claim("timerfd");
  if (llabs((long long)expired - monotonic / 100000) > 2)
    disprove("timerfd", "timerfd: expected %lld got %llu ticks; ", (long long)monotonic / 100000,
         (unsigned long long)expired);
  claim("posix-timer");
  if (llabs(ticks - monotonic / 100000) > 2)
    disprove("posix-timer", "POSIX timer: expected %lld got %ld ticks; ", (long long)monotonic / 100000, ticks);
  claim("posix-value");
  if (tick_value != 4711) disprove("posix-value", "value of the POSIX timer: expected 4711 got %ld; ", tick_value);
  long seen = alarms;  // missed ones merge, so only that they go on is certain
  for (int i = 0; i < 400 && alarms < seen + 3; i++) usleep(10000);
  claim("itimer-real");
  if (alarms < seen + 3) disprove("itimer-real", "ITIMER_REAL: expected more than %ld got %ld; ", seen, alarms);
  claim("hour");
  MUST(timer_gettime(far, &left));
  prove_left("hour", 3600000000 - (now_us(CLOCK_MONOTONIC) - mono), &left);
  claim("day");
  MUST(timerfd_gettime(fd_day, &left));
  prove_left("day", day.it_value.tv_sec * 1000000ll - now_us(CLOCK_BOOTTIME), &left);
  MUST(timer_delete(timer));
  stopping = true;
  for (int i = 0; i < kinds; i++) MUST0(pthread_join(thread[i], NULL));
  for (int i = 0; i < kinds; i++) {
    if (problem[i][0] == 0) say("claim %s ok\n", claims[i]);
    else disprove(claims[i], "%s", problem[i]);
  }
  return say_ok();
}
