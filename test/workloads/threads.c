// Threads under contention: transfers between accounts (the sum stays), a bounded queue with condition variables (every
// number once and in order for each producer), a read-write lock over a pair that must be equal, thread names, thread-local memory.
// @family CPU and threads
// @claim transfers threads.condition
// @claim sum threads.condition
#include <pthread.h>
#include <sys/prctl.h>

#include "workload.h"

enum { accounts = 16, workers = 4, capacity = 8, initial = 1000 };
static long account[accounts];
static pthread_mutex_t lock[accounts];
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static uint64_t queue[capacity], head, tail, produced[2];
static bool closed;
static pthread_rwlock_t pair_lock = PTHREAD_RWLOCK_INITIALIZER;
static volatile uint64_t pair[2];
static _Atomic bool stopping;
static __thread uint64_t own = 0x1234;

/** Two such programs without it, 130,000 switches a second each, kept others from their CPU for 30 s (Linux 6.18). */
static void breathe(void) { usleep(1000); }

static void* transfer(void* arg) {
  uint64_t random = (uint64_t)arg + 77;
  char name[16], got[16];
  snprintf(name, sizeof name, "transfer-%d", (int)(intptr_t)arg);
  prctl(PR_SET_NAME, name);
  pid_t tid = (pid_t)syscall(SYS_gettid);
  own += (uint64_t)arg;
  while (!stopping) {
    random = mix(random);
    size_t a = random % accounts, b = (random >> 20) % accounts;
    if (a == b) continue;
    size_t first = a < b ? a : b, second = a < b ? b : a;
    MUST0(pthread_mutex_lock(&lock[first]));
    MUST0(pthread_mutex_lock(&lock[second]));
    long amount = (long)(random >> 40) % 10;
    account[a] -= amount;
    account[b] += amount;
    MUST0(pthread_mutex_unlock(&lock[second]));
    MUST0(pthread_mutex_unlock(&lock[first]));
    pthread_rwlock_rdlock(&pair_lock);
    EXPECT("pair under the read lock", pair[0], pair[1]);
    pthread_rwlock_unlock(&pair_lock);
    if (random % 256 == 0) {
      pthread_rwlock_wrlock(&pair_lock);
      pair[0]++;
      usleep(50);
      pair[1]++;
      pthread_rwlock_unlock(&pair_lock);
      breathe();
    }
  }
  prctl(PR_GET_NAME, got);
  EXPECT_TEXT("thread name", name, got);
  EXPECT("thread ID", tid, syscall(SYS_gettid));
  EXPECT("thread-local variable", 0x1234 + (intptr_t)arg, own);
  return NULL;
}

static void* produce(void* arg) {
  uint64_t who = (uint64_t)arg;
  while (!stopping) {
    MUST0(pthread_mutex_lock(&queue_lock));
    while (head - tail == capacity && !stopping) pthread_cond_wait(&not_full, &queue_lock);
    if (!stopping) queue[head++ % capacity] = ++produced[who] * 2 + who;
    pthread_cond_signal(&not_empty);
    uint64_t count = produced[who];
    MUST0(pthread_mutex_unlock(&queue_lock));
    if (count % 64 == 0) breathe();
  }
  return NULL;
}

static void* consume(void* arg) {
  uint64_t seen[2] = {0, 0};
  (void)arg;
  MUST0(pthread_mutex_lock(&queue_lock));
  for (;;) {
    while (head == tail && !closed) pthread_cond_wait(&not_empty, &queue_lock);
    if (head == tail) break;
    uint64_t value = queue[tail++ % capacity];
    EXPECT("number from the queue", seen[value & 1] + 1, value >> 1);
    seen[value & 1] = value >> 1;
    pthread_cond_broadcast(&not_full);
  }
  MUST0(pthread_mutex_unlock(&queue_lock));
  for (int i = 0; i < 2; i++) EXPECT("numbers consumed", produced[i], seen[i]);
  return NULL;
}

int main(void) {
  pthread_t thread[workers + 3];
  listen_for_stop();
  for (int i = 0; i < accounts; i++) {
    account[i] = initial;
    pthread_mutex_init(&lock[i], NULL);
  }
  for (intptr_t i = 0; i < workers; i++) MUST0(pthread_create(&thread[i], NULL, transfer, (void*)i));
  for (intptr_t i = 0; i < 2; i++) MUST0(pthread_create(&thread[workers + i], NULL, produce, (void*)i));
  MUST0(pthread_create(&thread[workers + 2], NULL, consume, NULL));
  say_ready();
  wait_for_stop();
  claim("transfers");
  stopping = true;
  pthread_cond_broadcast(&not_full);
  for (int i = 0; i < workers + 2; i++) {
    pthread_cond_broadcast(&not_full);
    MUST0(pthread_join(thread[i], NULL));
  }
  MUST0(pthread_mutex_lock(&queue_lock));
  closed = true;
  pthread_cond_broadcast(&not_empty);
  MUST0(pthread_mutex_unlock(&queue_lock));
  MUST0(pthread_join(thread[workers + 2], NULL));
  claim("sum");
  long sum = 0;
  for (int i = 0; i < accounts; i++) sum += account[i];
  EXPECT("sum of all accounts", accounts * initial, sum);
  EXPECT("the pair at the end", pair[0], pair[1]);
  if (produced[0] + produced[1] == 0) fail("numbers produced: expected some got 0");
  return say_ok();
}
