// What the scheduler knows of each thread: policy, priority, nice, affinity, I/O priority, slack, name. One thread for each policy.
// @family CPU and threads
// @root
// @claim other threads.policy
// @claim batch threads.policy
// @claim idle threads.policy
// @claim fifo threads.policy
// @claim round-robin threads.policy
// @claim reset-on-fork threads.policy
// @claim nice threads.nice
// @claim affinity threads.affinity
// @claim io-priority threads.ioprio
// @claim slack threads.slack
// @claim name threads.ids
// @claim tid threads.ids
// @claim tls threads.tls
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "workload.h"

struct seen {
  int policy, priority, nice, io, slack;
  pid_t tid;
  char name[16];
  cpu_set_t cpus;
};
struct how {
  const char* claim;
  int policy, priority, nice, io, cpu;
};
static const struct how threads[] = {
    {"other", SCHED_OTHER, 0, 7, 2 << 13 | 6, 0},
    {"batch", SCHED_BATCH, 0, 3, 2 << 13 | 1, 1},
    {"idle", SCHED_IDLE, 0, 0, 3 << 13, 0},
    {"fifo", SCHED_FIFO, 3, 0, 2 << 13 | 3, 1},
    {"round-robin", SCHED_RR, 5, 0, 2 << 13 | 4, 0},
    {"reset-on-fork", SCHED_OTHER | SCHED_RESET_ON_FORK, 0, 1, 2 << 13 | 2, 1}};
enum { count = sizeof threads / sizeof *threads };
static struct seen before[count], after[count];
static __thread int own;
static int owns[count];
static _Atomic int ready;
static _Atomic bool look_again;

static void look(struct seen* s) {
  struct sched_param param;
  memset(s, 0, sizeof *s);
  s->tid = (pid_t)syscall(SYS_gettid);
  s->policy = sched_getscheduler(0);
  MUST(sched_getparam(0, &param));
  s->priority = param.sched_priority;
  s->nice = getpriority(PRIO_PROCESS, 0);
  s->io = (int)syscall(SYS_ioprio_get, 1, 0);
  s->slack = prctl(PR_GET_TIMERSLACK);
  MUST(prctl(PR_GET_NAME, s->name));
  MUST(sched_getaffinity(0, sizeof s->cpus, &s->cpus));
}

static void* run(void* arg) {
  int i = (int)(intptr_t)arg;
  const struct how* how = &threads[i];
  struct sched_param param = {.sched_priority = how->priority};
  char name[16];
  cpu_set_t cpus;
  own = 1000 + i;
  CPU_ZERO(&cpus);
  CPU_SET((size_t)(how->cpu % (int)sysconf(_SC_NPROCESSORS_ONLN)), &cpus);
  MUST(sched_setaffinity(0, sizeof cpus, &cpus));
  MUST(setpriority(PRIO_PROCESS, 0, how->nice));
  MUST(syscall(SYS_ioprio_set, 1, 0, how->io));
  MUST(prctl(PR_SET_TIMERSLACK, 100000 + i));
  snprintf(name, sizeof name, "thread %d )", i);
  MUST(prctl(PR_SET_NAME, name));
  if (sched_setscheduler(0, how->policy, &param) == -1 && errno != EPERM)
    fail("policy %d: expected it got %s", i, strerror(errno));
  look(&before[i]);
  ready++;
  while (!look_again) usleep(2000);
  look(&after[i]);
  owns[i] = own;
  return NULL;
}

#define ALL_SAME(claim, field)                                                                    \
  do {                                                                                            \
    int wrong_ = -1;                                                                              \
    for (int i_ = 0; i_ < count; i_++)                                                            \
      if (memcmp(&before[i_].field, &after[i_].field, sizeof before[i_].field) != 0) wrong_ = i_; \
    PROVE(claim, -1, wrong_);                                                                     \
  } while (0)

int main(void) {
  pthread_t thread[count];
  listen_for_stop();
  for (intptr_t i = 0; i < count; i++) MUST0(pthread_create(&thread[i], NULL, run, (void*)i));
  while (ready < count) usleep(1000);
  say_ready();
  wait_for_stop();
  look_again = true;
  for (int i = 0; i < count; i++) MUST0(pthread_join(thread[i], NULL));
  for (int i = 0; i < count; i++) {
    PROVE(threads[i].claim, before[i].policy << 8 | before[i].priority,
          after[i].policy << 8 | after[i].priority);
  }
  ALL_SAME("nice", nice);
  ALL_SAME("affinity", cpus);
  ALL_SAME("io-priority", io);
  ALL_SAME("slack", slack);
  ALL_SAME("name", name);
  ALL_SAME("tid", tid);
  int wrong = 0;
  for (int i = 0; i < count; i++) wrong += owns[i] != 1000 + i;
  PROVE("tls", 0, wrong);
  return say_ok();
}
