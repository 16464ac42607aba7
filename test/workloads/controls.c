// controls: what a program has set about itself by prctl(2) and membarrier(2), of the process and of each thread.
// @family Rights and limits
// @claim machine-check rights.prctl-more
// @claim machine-check-thread rights.prctl-more
// @claim memory-merge rights.prctl-more
// @claim speculation rights.prctl-more
// @claim time-stamp-thread rights.prctl
// @claim registrations threads.membarrier
// @claim barrier threads.membarrier
// @claim barrier-core threads.membarrier
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "workload.h"

enum { get_registrations = 1 << 9, set_merge = 67, get_merge = 68 };
static long barrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }
static int time_stamp(void) {
  int mode = 0;
  return prctl(PR_GET_TSC, &mode, 0, 0, 0) == 0 ? mode : -errno;
}

static pthread_barrier_t gate;
static int thread_kill, thread_stamp;
static void* other(void* unused) {
  MUST(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 0, 0));
  MUST(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0));
  pthread_barrier_wait(&gate);
  pthread_barrier_wait(&gate);
  thread_kill = prctl(PR_MCE_KILL_GET, 0, 0, 0, 0);
  thread_stamp = time_stamp();
  return unused;
}

int main(void) {
  int speculation[3];
  pthread_t thread;
  listen_for_stop();
  MUST(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0));
  int merge = prctl(set_merge, 1, 0, 0, 0) == 0 ? 1 : prctl(get_merge, 0, 0, 0, 0);
  for (int i = 0; i < 3; i++) speculation[i] = prctl(PR_GET_SPECULATION_CTRL, i, 0, 0, 0);
  MUST(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED));
  MUST(barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE));
  long registrations = barrier(get_registrations);
  MUST0(pthread_barrier_init(&gate, NULL, 2));
  MUST0(pthread_create(&thread, NULL, other, NULL));
  pthread_barrier_wait(&gate);
  say_ready();
  wait_for_stop();

  PROVE("machine-check", PR_MCE_KILL_EARLY, prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
  PROVE("memory-merge", merge, prctl(get_merge, 0, 0, 0, 0));
  claim("speculation");
  for (int i = 0; i < 3; i++)
    if (speculation[i] != prctl(PR_GET_SPECULATION_CTRL, i, 0, 0, 0)) disprove("speculation", "control %d differs", i);
  PROVE("registrations", registrations, barrier(get_registrations));
  PROVE("barrier", 0, barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
  PROVE("barrier-core", 0, barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE));
  pthread_barrier_wait(&gate);
  MUST0(pthread_join(thread, NULL));
  PROVE("machine-check-thread", PR_MCE_KILL_LATE, thread_kill);
  PROVE("time-stamp-thread", PR_TSC_SIGSEGV, thread_stamp);
  return say_ok();
}
