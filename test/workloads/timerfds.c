// timerfd of every clock: relative, absolute, with an interval, disarmed, expired and unread, with cancel-on-set; their flags.
// @family Time
// @claim realtime time.timerfd
// @claim monotonic time.timerfd
// @claim boottime time.timerfd
// @claim absolute-realtime time.timerfd
// @claim absolute-monotonic time.timerfd
// @claim interval time.timerfd
// @claim disarmed time.timerfd
// @claim expired time.timerfd-expired
// @claim expired-once time.timerfd-expired
// @claim cancel-on-set time.timerfd-cancel
// @claim nonblock files.flags
// @claim cloexec files.cloexec
// @claim rearmed time.timerfd
#include <sys/timerfd.h>

#include "workload.h"

enum { far = 50000 };
static int make(clockid_t clock, int how, long seconds, long interval, int flags) {
  int fd = (int)MUST(timerfd_create(clock, flags));
  struct itimerspec set = {.it_value.tv_sec = seconds, .it_interval.tv_sec = interval};
  if (seconds > 0) MUST(timerfd_settime(fd, how, &set, NULL));
  return fd;
}

int main(void) {
  listen_for_stop();
  clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  const char* const claims[] = {"realtime", "monotonic", "boottime"};
  int fds[3];
  for (int i = 0; i < 3; i++) fds[i] = make(clocks[i], 0, far + i, 0, 0);
  int on_date = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME, time(NULL) + far, 0, TFD_NONBLOCK);
  int at = make(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, now_us(CLOCK_MONOTONIC) / 1000000 + far, 0, TFD_CLOEXEC);
  int repeating = make(CLOCK_MONOTONIC, 0, far, 33, 0),
      disarmed = make(CLOCK_BOOTTIME, 0, 0, 0, TFD_NONBLOCK);
  int cancelled =
      make(CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, time(NULL) + far, 0, TFD_NONBLOCK);
  int ticking = (int)MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)),
      once = (int)MUST(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
  struct itimerspec short_one = {.it_value.tv_nsec = 1000, .it_interval.tv_nsec = 50000000}, got;
  MUST(timerfd_settime(ticking, 0, &short_one, NULL));
  int64_t start = now_us(CLOCK_MONOTONIC);
  short_one.it_interval.tv_nsec = 0;
  MUST(timerfd_settime(once, 0, &short_one, NULL));
  say_ready();
  wait_for_stop();

  int64_t passed_us = now_us(CLOCK_MONOTONIC) - start;
  long passed = (long)(passed_us / 1000000);
  for (int i = 0; i < 3; i++) {
    MUST(timerfd_gettime(fds[i], &got));
    prove_between(claims[i], far + i - passed - 5, far + i, got.it_value.tv_sec);
  }
  MUST(timerfd_gettime(on_date, &got));
  prove_between("absolute-realtime", far - passed - 5, far, got.it_value.tv_sec);
  MUST(timerfd_gettime(at, &got));
  prove_between("absolute-monotonic", far - passed - 5, far, got.it_value.tv_sec);
  MUST(timerfd_gettime(repeating, &got));
  PROVE("interval", 33, got.it_interval.tv_sec);
  MUST(timerfd_gettime(disarmed, &got));
  PROVE("disarmed", 0, got.it_value.tv_sec | got.it_value.tv_nsec);
  uint64_t ticks = 0;
  MUST(read(ticking, &ticks, sizeof ticks));
  prove_between("expired", passed_us / 50000 - 10, passed_us / 50000 + 10, (long long)ticks);
  MUST(read(once, &ticks, sizeof ticks));
  PROVE("expired-once", 1, ticks);
  char path[64], line[128];
  unsigned settime = 0;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", cancelled);
  FILE* info = fopen(path, "re");
  while (info != NULL && fgets(line, sizeof line, info) != NULL) sscanf(line, "settime flags: %o", &settime);
  if (info != NULL) fclose(info);
  PROVE("cancel-on-set", TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, settime);
  PROVE("nonblock", O_NONBLOCK, MUST(fcntl(on_date, F_GETFL)) & O_NONBLOCK);
  PROVE("cloexec", FD_CLOEXEC, MUST(fcntl(at, F_GETFD)));
  short_one.it_value.tv_nsec = 1000;
  MUST(timerfd_settime(fds[1], 0, &short_one, NULL));
  MUST(read(fds[1], &ticks, sizeof ticks));
  PROVE("rearmed", 1, ticks);
  return say_ok();
}
