// What the kernel knows about a thread: rseq registration (the CPU number in it stays right), robust futex list (a dead owner is
// seen after the move), thread-local memory, the address cleared at the end of a thread, affinity, alternate stack and mask.
// @family CPU and threads
// @claim rseq threads.rseq
// @claim local threads.tls
// @claim robust threads.robust
// @claim other-threads threads.tls
// @claim new-thread threads.ids
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>  // glibc 2.35

#include "workload.h"

static __thread uint64_t local[512] = {1};
static pthread_mutex_t robust;
static _Atomic bool owner_may_die, ready[3];

// The place of this thread's copy, kept from the optimizer: it would fold it into offsets that do not fit.
static uint64_t* own_local(void) {
  uint64_t* place = local;
  __asm__("" : "+r"(place));
  return place;
}

static void check_rseq(void) {
  if (__rseq_size == 0) return;  // a tunable can turn it off
  volatile struct rseq* rseq = (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
  cpu_set_t all, one;
  MUST(sched_getaffinity(0, sizeof all, &all));
  for (int cpu = 0; cpu < 64; cpu++) {
    if (!CPU_ISSET(cpu, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    MUST(sched_setaffinity(0, sizeof one, &one));
    unsigned real;
    MUST(syscall(SYS_getcpu, &real, NULL, NULL));
    EXPECT("CPU of rseq", real, rseq->cpu_id);
    EXPECT("CPU that was asked for", cpu, rseq->cpu_id);
  }
  MUST(sched_setaffinity(0, sizeof all, &all));
  EXPECT("registering rseq again", -1, syscall(SYS_rseq, rseq, 32, 0, RSEQ_SIG));
  EXPECT("its errno", EBUSY, errno);
}

static void* keeps_local(void* arg) {
  uint64_t seed = (uint64_t)arg * 1000;
  void *head, *head_later;
  size_t length;
  char* alt = malloc(32768);
  stack_t stack = {.ss_sp = alt, .ss_size = 32768}, got;
  MUST(sigaltstack(&stack, NULL));
  fill_pattern(own_local(), sizeof local, seed);
  errno = 77;
  int* errno_place = &errno;
  MUST(syscall(SYS_get_robust_list, 0, &head, &length));
  cpu_set_t one, got_set;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  if ((intptr_t)arg == 1) MUST(sched_setaffinity(0, sizeof one, &one));
  ready[(intptr_t)arg] = true;
  while (!stop_wanted) usleep(1000);
  check_pattern("thread-local memory", own_local(), sizeof local, seed);
  EXPECT("place of errno", (intptr_t)errno_place, (intptr_t)&errno);
  MUST(syscall(SYS_get_robust_list, 0, &head_later, &length));
  EXPECT("robust list", (intptr_t)head, (intptr_t)head_later);
  MUST(sched_getaffinity(0, sizeof got_set, &got_set));
  if ((intptr_t)arg == 1) EXPECT("affinity", 1, CPU_EQUAL(&one, &got_set));
  check_rseq();
  MUST(sigaltstack(NULL, &got));
  EXPECT("alternate stack", (intptr_t)alt, (intptr_t)got.ss_sp);
  return (void*)0x77;
}

static void* dies_owning(void* arg) {
  (void)arg;
  MUST0(pthread_mutex_lock(&robust));
  ready[2] = true;
  while (!owner_may_die) usleep(1000);
  syscall(SYS_exit, 0);  // without unlocking: the kernel walks the robust list
  return NULL;
}

int main(void) {
  listen_for_stop();
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_t thread[3];
  for (intptr_t i = 0; i < 2; i++) MUST0(pthread_create(&thread[i], NULL, keeps_local, (void*)i));
  MUST0(pthread_create(&thread[2], NULL, dies_owning, NULL));
  for (int i = 0; i < 3; i++)
    while (!ready[i]) usleep(1000);
  fill_pattern(own_local(), sizeof local, 42);
  check_rseq();
  say_ready();
  wait_for_stop();
  claim("rseq");
  check_rseq();
  claim("local");
  check_pattern("thread-local memory of the first", own_local(), sizeof local, 42);
  claim("robust");
  owner_may_die = true;
  EXPECT("lock of a dead owner", EOWNERDEAD, pthread_mutex_lock(&robust));
  MUST0(pthread_mutex_consistent(&robust));
  MUST0(pthread_mutex_unlock(&robust));
  claim("other-threads");
  for (int i = 0; i < 2; i++) {
    void* end;
    MUST0(pthread_join(thread[i], &end));
    EXPECT("end of a thread", 0x77, (intptr_t)end);
  }
  claim("new-thread");
  pthread_t fresh;  // a new thread can still be made and joined
  stop_wanted = 1;
  MUST0(pthread_create(&fresh, NULL, keeps_local, (void*)0));
  MUST0(pthread_join(fresh, NULL));
  return say_ok();
}
