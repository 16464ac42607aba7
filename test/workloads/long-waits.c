// long-waits [wait in ms] [lateness allowed in ms]: threads in relative waits that last longer than the way there and back, so
// that the same wait is moved twice. None ends with EINTR, or early, or starts anew.
// @family Interrupted system calls
// @arguments 9000 2000
// @claim nanosleep-twice calls.moved-twice
// @claim remainder-twice calls.moved-twice
// @claim sleep-twice calls.moved-twice
// @claim clock-nanosleep-twice calls.moved-twice
// @claim boottime-twice calls.moved-twice
// @claim poll-twice calls.moved-twice
// @claim futex-twice calls.moved-twice
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>

#include "workload.h"

static long wait_ms = 9000, late_ms = 2000;
static uint32_t word;
static int never[2];

static const char* const names[] = {"nanosleep-twice",       "remainder-twice", "sleep-twice", "clock-nanosleep-twice",
                                    "boottime-twice", "poll-twice",      "futex-twice"};
enum { kinds = sizeof names / sizeof *names };
static long took[kinds];
static int error[kinds];

// Gives back the error, 0 for "the time is over" in whatever way the call says it.
static int wait_once(int kind) {
  const struct timespec length = {wait_ms / 1000, wait_ms % 1000 * 1000000};
  struct timespec rest = {0}, both = length;
  struct pollfd wanted = {.fd = never[0], .events = POLLIN};
  switch (kind) {
    case 0: return nanosleep(&length, NULL) == 0 ? 0 : errno;
    case 1: return nanosleep(&length, &rest) == 0 ? 0 : errno;
    case 2: return nanosleep(&both, &both) == 0 ? 0 : errno;  // as sleep(3) does it
    case 3: return clock_nanosleep(CLOCK_MONOTONIC, 0, &length, &rest);
    case 4: return clock_nanosleep(CLOCK_BOOTTIME, 0, &length, NULL);
    case 5: return poll(&wanted, 1, (int)wait_ms) == 0 ? 0 : errno;
    default:
      return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &length) == -1 && errno == ETIMEDOUT ? 0 : errno;
  }
}

static void* waiter(void* arg) {
  const int kind = (int)(intptr_t)arg;
  const int64_t start = now_us(CLOCK_MONOTONIC);
  error[kind] = wait_once(kind);
  took[kind] = (long)((now_us(CLOCK_MONOTONIC) - start) / 1000);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc > 1) wait_ms = atol(argv[1]);
  if (argc > 2) late_ms = atol(argv[2]);
  listen_for_stop();
  MUST(pipe(never));
  pthread_t thread[kinds];
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  for (intptr_t i = 0; i < kinds; i++) MUST0(pthread_create(&thread[i], NULL, waiter, (void*)i));
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  say_ready();
  wait_for_stop();
  for (int i = 0; i < kinds; i++) {
    MUST0(pthread_join(thread[i], NULL));
    if (error[i] != 0) disprove(names[i], "expected the end of the time got %s after %ld ms", strerror(error[i]), took[i]);
    else prove_between(names[i], wait_ms - 20, wait_ms + late_ms, took[i]);
  }
  return say_ok();
}
