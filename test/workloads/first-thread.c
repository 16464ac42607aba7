// The first thread of a process, which alone is stopped while the tree is looked at, in waits that end at a point in time: each ends
// then, by its limit, and no signal ends one.
// @family Interrupted system calls
// @always-moving
// @claim sem-timedwait calls.futex
// @claim not-early calls.futex
#include <pthread.h>
#include <semaphore.h>

#include "workload.h"

static _Atomic bool stopping;

static void* waits_for_stop(void* set) {
  int signal;
  MUST0(sigwait(set, &signal));
  stopping = true;
  return NULL;
}

int main(void) {
  enum { wait_ns = 500000000, wait_s = 2, second_ns = 1000000000 };
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  MUST0(pthread_sigmask(SIG_BLOCK, &set, NULL));
  pthread_t other;
  MUST0(pthread_create(&other, NULL, waits_for_stop, &set));
  sem_t never;
  MUST0(sem_init(&never, 0, 0));
  int wrong = 0, error = ETIMEDOUT, early = 0;
  say_ready();
  while (!stopping) {
    struct timespec at, now;
    MUST0(clock_gettime(CLOCK_REALTIME, &at));
    at.tv_sec += wait_s,
        at.tv_nsec += wait_ns;  // longer than a migration takes from the first stop to the freeze
    if (at.tv_nsec >= second_ns) at.tv_sec++, at.tv_nsec -= second_ns;
    int result = sem_timedwait(&never, &at);
    if (result != -1 || errno != ETIMEDOUT) wrong++, error = result == -1 ? errno : 0;
    MUST0(clock_gettime(CLOCK_REALTIME, &now));
    if (now.tv_sec < at.tv_sec || (now.tv_sec == at.tv_sec && now.tv_nsec < at.tv_nsec)) early++;
  }
  MUST0(pthread_join(other, NULL));
  claim("sem-timedwait");
  EXPECT("error of a wait", ETIMEDOUT, error);
  EXPECT("waits that ended otherwise", 0, wrong);
  claim("not-early");
  EXPECT("waits that ended early", 0, early);
  return say_ok();
}
