// Locks between threads: with priority inheritance, robust, recursive, checked, with waiters in the kernel; barriers, semaphores;
// many threads; fs and gs base; the stack of a thread; locks on files.
// @family CPU and threads
// @directory
// @claim pi-held threads.pi
// @claim pi-waiter threads.pi
// @claim pi-robust threads.robust
// @claim recursive threads.condition
// @claim checked threads.condition
// @claim barrier threads.condition
// @claim semaphore threads.condition
// @claim read-write threads.condition
// @claim many-threads threads.many
// @claim stack-of-thread memory.stacks
// @claim fs-base cpu.bases
// @claim gs-base cpu.bases
// @claim flock files.flock
// @claim flock-shared files.flock
#include <asm/prctl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>

#include "workload.h"

enum { many = 100 };
static pthread_mutex_t inherit, robust_pi, recursive, checked;
static pthread_barrier_t barrier, everybody;
static pthread_rwlock_t read_write = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static _Atomic int waiting, through, wrong_stacks;
static _Atomic bool may_die, owner_ready;

static void make(pthread_mutex_t* mutex, int protocol, int type, int robustness) {
  pthread_mutexattr_t how;
  MUST0(pthread_mutexattr_init(&how));
  MUST0(pthread_mutexattr_setprotocol(&how, protocol));
  MUST0(pthread_mutexattr_settype(&how, type));
  MUST0(pthread_mutexattr_setrobust(&how, robustness));
  MUST0(pthread_mutex_init(mutex, &how));
}
static void* wants_inherit(void* arg) {
  waiting++;
  MUST0(pthread_mutex_lock(&inherit));
  through++;
  MUST0(pthread_mutex_unlock(&inherit));
  return arg;
}
static void* dies_owning(void* arg) {
  MUST0(pthread_mutex_lock(&robust_pi));
  owner_ready = true;
  while (!may_die) usleep(1000);
  return arg;
}
static void* at_barrier(void* arg) {
  pthread_barrier_wait(&barrier);
  return arg;
}
static void* at_semaphore(void* arg) {
  while (sem_wait(&semaphore) == -1) continue;
  return arg;
}
static void* one_of_many(void* arg) {
  char local[2048];
  fill_pattern(local, sizeof local, (uint64_t)(uintptr_t)arg);
  __asm__ volatile("" ::"r"(local) : "memory");
  pthread_barrier_wait(&everybody);  // 1: all are there
  pthread_barrier_wait(&everybody);  // 2: after the move
  char again[2048];
  fill_pattern(again, sizeof again, (uint64_t)(uintptr_t)arg);
  if (memcmp(local, again, sizeof local) != 0) wrong_stacks++;
  return arg;
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  make(&inherit, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED);
  make(&robust_pi, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST);
  make(&recursive, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED);
  make(&checked, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED);
  MUST0(pthread_barrier_init(&barrier, NULL, 2));
  MUST0(pthread_barrier_init(&everybody, NULL, many + 1));
  MUST(sem_init(&semaphore, 0, 0));
  pthread_t wants, dies, barred, taken, crowd[many];
  MUST0(pthread_mutex_lock(&inherit));
  MUST0(pthread_create(&wants, NULL, wants_inherit, NULL));
  MUST0(pthread_create(&dies, NULL, dies_owning, NULL));
  MUST0(pthread_create(&barred, NULL, at_barrier, NULL));
  MUST0(pthread_create(&taken, NULL, at_semaphore, NULL));
  pthread_attr_t small;
  MUST0(pthread_attr_init(&small));
  MUST0(pthread_attr_setstacksize(&small, 65536));
  for (uintptr_t i = 0; i < many; i++) MUST0(pthread_create(&crowd[i], &small, one_of_many, (void*)i));
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  for (int i = 0; i < 3; i++) MUST0(pthread_mutex_lock(&recursive));
  MUST0(pthread_mutex_lock(&checked));
  MUST0(pthread_rwlock_rdlock(&read_write));
  MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x7654321000));
  unsigned long fs = 0, base = 0;
  MUST(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
  int held = (int)MUST(open("held", O_RDWR | O_CREAT, 0600)),
      shared = (int)MUST(open("shared", O_RDWR | O_CREAT, 0600));
  MUST(flock(held, LOCK_EX));
  MUST(flock(shared, LOCK_SH));
  while (waiting == 0 || !owner_ready) usleep(1000);
  pthread_barrier_wait(&everybody);
  usleep(20000);
  say_ready();
  wait_for_stop();

  claim("pi-held");
  EXPECT("through before it is free", 0, through);
  EXPECT("trying again", EBUSY, pthread_mutex_trylock(&inherit));
  MUST0(pthread_mutex_unlock(&inherit));
  claim("pi-waiter");
  MUST0(pthread_join(wants, NULL));
  EXPECT("through", 1, through);
  claim("pi-robust");
  may_die = true;
  EXPECT("lock of a dead owner", EOWNERDEAD, pthread_mutex_lock(&robust_pi));
  MUST0(pthread_join(dies, NULL));
  claim("recursive");
  for (int i = 0; i < 3; i++) MUST0(pthread_mutex_unlock(&recursive));
  EXPECT("free now", 0, pthread_mutex_trylock(&recursive));
  PROVE("checked", EDEADLK, pthread_mutex_lock(&checked));
  claim("barrier");
  pthread_barrier_wait(&barrier);
  MUST0(pthread_join(barred, NULL));
  claim("semaphore");
  MUST(sem_post(&semaphore));
  MUST0(pthread_join(taken, NULL));
  claim("read-write");
  EXPECT("a writer", EBUSY, pthread_rwlock_trywrlock(&read_write));
  EXPECT("a reader", 0, pthread_rwlock_tryrdlock(&read_write));
  claim("many-threads");
  pthread_barrier_wait(&everybody);
  for (int i = 0; i < many; i++) MUST0(pthread_join(crowd[i], NULL));
  PROVE("stack-of-thread", 0, wrong_stacks);
  MUST(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
  PROVE("fs-base", fs, base);
  MUST(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
  PROVE("gs-base", 0x7654321000, base);
  claim("flock");
  int other = (int)MUST(open("held", O_RDWR));
  EXPECT("another open", -1, flock(other, LOCK_EX | LOCK_NB));
  MUST(flock(held, LOCK_UN));
  EXPECT("another open, when it is free", 0, flock(other, LOCK_EX | LOCK_NB));
  claim("flock-shared");
  other = (int)MUST(open("shared", O_RDWR));
  EXPECT("exclusive", -1, flock(other, LOCK_EX | LOCK_NB));
  EXPECT("shared", 0, flock(other, LOCK_SH | LOCK_NB));
  return say_ok();
}
