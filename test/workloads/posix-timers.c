// POSIX timers of every clock and every way to notify; armed, disarmed, absolute, with an interval; their IDs; CPU-time interval timers.
// @family Time
// @claim realtime time.posix-clocks
// @claim monotonic time.posix-clocks
// @claim boottime time.posix-clocks
// @claim process-cpu time.posix-clocks
// @claim thread-cpu time.posix-clocks
// @claim tai time.posix-clocks
// @claim notify-none time.posix-notify
// @claim notify-thread time.posix-notify
// @claim notify-value time.posix-notify
// @claim disarmed time.posix-state
// @claim interval time.posix-state
// @claim absolute time.posix-state
// @claim expired-pending time.posix-state
// @claim overruns time.posix-state
// @claim ids time.posix-ids
// @claim new-id time.posix-ids
// @claim virtual time.itimers
// @claim profiling time.itimers
// @claim alarm time.itimers
#include <sys/time.h>

#include "workload.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
enum { far = 100000 };
typedef int kernel_timer;

static int make(clockid_t clock, struct sigevent* how) {
  kernel_timer id = -1;
  MUST(syscall(SYS_timer_create, clock, how, &id));
  return id;
}
static void arm(int id, long seconds, long interval, int flags) {
  struct itimerspec set = {.it_value.tv_sec = seconds, .it_interval.tv_sec = interval};
  MUST(syscall(SYS_timer_settime, id, flags, &set, NULL));
}
static struct itimerspec left(int id) {
  struct itimerspec got = {0};
  if (syscall(SYS_timer_gettime, id, &got) == -1) got.it_value.tv_sec = -errno;
  return got;
}
static void prove_left(const char* name, int id, long expected, long passed) {
  prove_between(name, expected - passed - 5, expected, left(id).it_value.tv_sec);
}

// A timer that expires all the time: whatever keeps its handler from running, each expiry is counted.
static volatile long expiries;
static void on_expiry(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  expiries += 1 + info->si_overrun;
}

int main(void) {
  sigset_t set;
  listen_for_stop();
  sigemptyset(&set);
  for (int i = 1; i < 5; i++) sigaddset(&set, SIGRTMIN + i);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct sigevent none = {.sigev_notify = SIGEV_NONE};
  struct sigevent value = {.sigev_notify = SIGEV_SIGNAL,
                           .sigev_signo = SIGRTMIN + 1,
                           .sigev_value.sival_ptr = (void*)0x123456789abcdef};
  struct sigevent thread = {
      .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = 9};
  thread.sigev_notify_thread_id = (int)syscall(SYS_gettid);
  clockid_t clocks[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,         CLOCK_BOOTTIME,
                        CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_TAI};
  const char* const clock_claims[] = {"realtime",    "monotonic",  "boottime",
                                      "process-cpu", "thread-cpu", "tai"};
  int of_clock[6];
  for (int i = 0; i < 6; i++) {
    of_clock[i] = make(clocks[i], &none);
    int gap = make(CLOCK_MONOTONIC, &none);
    arm(of_clock[i], far + i, 0, 0);
    MUST(syscall(SYS_timer_delete, gap));
  }
  int to_value = make(CLOCK_MONOTONIC, &value), to_thread = make(CLOCK_MONOTONIC, &thread),
      disarmed = make(CLOCK_REALTIME, &value);
  int repeating = make(CLOCK_MONOTONIC, &none), absolute = make(CLOCK_REALTIME, &none),
      expired = make(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL,
                                                         .sigev_signo = SIGRTMIN + 3,
                                                         .sigev_value.sival_int = 33});
  arm(to_value, far, 0, 0);
  arm(to_thread, far, 0, 0);
  arm(repeating, far, 77, 0);
  arm(absolute, time(NULL) + far, 0, TIMER_ABSTIME);
  struct itimerspec at_once = {.it_value.tv_nsec = 1};
  MUST(syscall(SYS_timer_settime, expired, 0, &at_once, NULL));
  struct itimerval cpu = {.it_value.tv_sec = far, .it_interval.tv_sec = 5}, got;
  MUST(setitimer(ITIMER_VIRTUAL, &cpu, NULL));
  cpu.it_value.tv_sec++;
  MUST(setitimer(ITIMER_PROF, &cpu, NULL));
  alarm(far);
  struct sigaction counting = {.sa_sigaction = on_expiry, .sa_flags = SA_SIGINFO | SA_RESTART};
  MUST(sigaction(SIGRTMIN + 4, &counting, NULL));
  sigset_t counted;
  sigemptyset(&counted), sigaddset(&counted, SIGRTMIN + 4);
  MUST(sigprocmask(SIG_UNBLOCK, &counted, NULL));
  int frequent = make(CLOCK_MONOTONIC,
                      &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4});
  struct itimerspec each = {.it_value.tv_nsec = 2000000, .it_interval.tv_nsec = 2000000}, never = {0};
  MUST(syscall(SYS_timer_settime, frequent, 0, &each, NULL));
  int64_t start = now_us(CLOCK_REALTIME), began = now_us(CLOCK_MONOTONIC);
  say_ready();
  wait_for_stop();
  MUST(syscall(SYS_timer_settime, frequent, 0, &never, NULL));
  long due = (long)((now_us(CLOCK_MONOTONIC) - began) / 2000);
  prove_between("overruns", due - 5, due + 1, expiries);  // one or two of each freeze may be lost

  long passed = (long)((now_us(CLOCK_REALTIME) - start) / 1000000);
  for (int i = 0; i < 6; i++)
    prove_left(clock_claims[i], of_clock[i], far + i, i == 3 || i == 4 ? 5 : passed);
  prove_left("absolute", absolute, far, passed);
  struct itimerspec is = left(repeating);
  PROVE("interval", 77, is.it_interval.tv_sec);
  is = left(disarmed);
  PROVE("disarmed", 0, is.it_value.tv_sec | is.it_value.tv_nsec | is.it_interval.tv_sec);
  int ids[] = {of_clock[0], of_clock[5], to_value, to_thread, disarmed, expired}, missing = 0;
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) missing += left(ids[i]).it_value.tv_sec < 0;
  PROVE("ids", 0, missing);
  siginfo_t info = {0};
  struct timespec wait = {.tv_sec = 20};
  sigset_t one;
  sigemptyset(&one), sigaddset(&one, SIGRTMIN + 3);
  MUST(sigtimedwait(&one, &info, &wait));
  PROVE("expired-pending", 33, info.si_value.sival_int);
  MUST(syscall(SYS_timer_settime, to_value, 0, &at_once, NULL));
  sigemptyset(&one), sigaddset(&one, SIGRTMIN + 1);
  MUST(sigtimedwait(&one, &info, &wait));
  PROVE("notify-value", 0x123456789abcdef, (intptr_t)info.si_value.sival_ptr);
  MUST(syscall(SYS_timer_settime, to_thread, 0, &at_once, NULL));
  sigemptyset(&one), sigaddset(&one, SIGRTMIN + 2);
  MUST(sigtimedwait(&one, &info, &wait));
  PROVE("notify-thread", 9, info.si_value.sival_int);
  MUST(syscall(SYS_timer_settime, repeating, 0, &at_once, NULL));
  MUST(sigpending(&one));
  PROVE("notify-none", 0, sigismember(&one, SIGALRM));
  int fresh = make(CLOCK_MONOTONIC, &none);
  bool taken = false;
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) taken = taken || ids[i] == fresh;
  PROVE("new-id", 0, taken);
  MUST(getitimer(ITIMER_VIRTUAL, &got));
  prove_between("virtual", far - 10, far, got.it_value.tv_sec);
  MUST(getitimer(ITIMER_PROF, &got));
  prove_between("profiling", far - 10, far + 1, got.it_value.tv_sec);
  prove_between("alarm", far - passed - 5, far, (long)alarm(0));
  return say_ok();
}
