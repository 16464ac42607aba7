// chaos DIRECTORY SEED [TREES]: actors, each a thread, change all the time what is dumped: descriptors are opened, closed and put over one another,
// files renamed and deleted while open, threads and children start and end, timers are armed anew, memory is mapped and given
// back, words go through pipes. Each knows what must be true after its step and looks at once. With TREES, so many children do
// that, with seeds of their own from SEED on, and rest longer: all together load the machine less than one alone.
// @family Process tree
// @directory
// @arguments 1
// @apart
#include "chaos.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "chaos-files.h"

enum { page = 4096 };

// ---- threads and children: start, work, end
static _Thread_local uint64_t thread_word;
static void* short_life(void* argument) {
  thread_word = (uintptr_t)argument;
  usleep((useconds_t)(mix(thread_word) % 4000));
  return (void*)(uintptr_t)mix(thread_word);
}
static void start_threads(uint64_t* random) {
  pthread_t threads[4];
  uint64_t words[4];
  int count = 1 + below(random, 4);
  for (int i = 0; i < count; i++) {
    words[i] = next_random(random) >> 1;
    MUST0(pthread_create(&threads[i], NULL, short_life, (void*)(uintptr_t)words[i]));
  }
  for (int i = 0; i < count; i++) {
    void* got;
    MUST0(pthread_join(threads[i], &got));
    EXPECT("the end of a thread", (int64_t)mix(words[i]), (int64_t)(uintptr_t)got);
  }
}
static void start_child(uint64_t* random) {
  int code = below(random, 200), status, sleep_us = below(random, 6000);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    usleep((useconds_t)sleep_us);
    _exit(code);
  }
  EXPECT("a child", child, MUST(waitpid(child, &status, 0)));
  EXPECT("its status", code << 8, status);
}

// ---- timers: each expiry comes once, with its own number, and not before its time
static void arm_timers(uint64_t* random) {
  static timer_t timer;
  static int serial, clock_fd = -1;
  int first = SIGRTMIN + 3;
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, first);
  if (serial++ == 0) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = first};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    event.sigev_value.sival_int = 77;
    MUST(timer_create(CLOCK_MONOTONIC, &event, &timer));
    clock_fd = (int)MUST(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  }
  // Armed for long and at once again: the first arming must leave nothing.
  struct itimerspec far = {.it_value.tv_sec = 1000}, left,
                    near = {.it_value.tv_nsec = 1 + below(random, 4000000)};
  int64_t due = now_us(CLOCK_MONOTONIC) + near.it_value.tv_nsec / 1000;
  MUST(timer_settime(timer, 0, &far, NULL));
  MUST(timerfd_settime(clock_fd, 0, &far, NULL));
  MUST(timer_settime(timer, 0, &near, NULL));
  MUST(timerfd_settime(clock_fd, 0, &near, NULL));
  siginfo_t info;
  struct timespec limit = {.tv_sec = 60}, none = {0};
  EXPECT("the signal of a timer", first, MUST(sigtimedwait(&set, &info, &limit)));
  EXPECT("its value", 77, info.si_value.sival_int);
  EXPECT("its overruns", 0, info.si_overrun);
  if (now_us(CLOCK_MONOTONIC) < due) fail("a timer: expected no expiry before its time got one");
  EXPECT("a second signal of a timer", -1, sigtimedwait(&set, &info, &none));
  MUST(timer_gettime(timer, &left));
  EXPECT("what is left of a timer", 0, left.it_value.tv_sec + left.it_value.tv_nsec);
  uint64_t expiries = 0;
  EXPECT("a timerfd", sizeof expiries, MUST(read(clock_fd, &expiries, sizeof expiries)));
  EXPECT("its expiries", 1, expiries);
}

// ---- memory: mapped, given back, mapped again where something else was
static void map_memory(uint64_t* random) {
  size_t bytes = (size_t)(1 + below(random, 64)) * page;
  uint64_t seed = next_random(random);
  char* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("memory: expected some got none");
  fill_pattern(at, bytes, seed);
  MUST(mprotect(at, bytes, PROT_READ));
  usleep((useconds_t)below(random, 2000));
  check_pattern("memory that was written once", at, bytes, seed);
  at = mremap(at, bytes, bytes + page, MREMAP_MAYMOVE);
  if (at == MAP_FAILED) fail("memory that moves: expected some got none");
  check_pattern("memory that has moved", at, bytes, seed);
  if (below(random, 2) == 0) {
    MUST(madvise(at, page, MADV_DONTNEED));
    EXPECT("a page that was given back", 0, *(uint64_t*)at);
  }
  MUST(munmap(at, bytes + page));
}

// ---- words through a pipe and an eventfd: none lost, none twice
static void pass_words(uint64_t* random) {
  int ends[2], count = 1 + below(random, 200);
  MUST(pipe2(ends, O_CLOEXEC));
  int counter = (int)MUST(eventfd(0, EFD_CLOEXEC));
  uint64_t seed = next_random(random), got;
  for (int i = 0; i < count; i++) {
    uint64_t word = seed + (uint64_t)i, one = 1;
    MUST(write(ends[1], &word, sizeof word));
    MUST(write(counter, &one, sizeof one));
    if (i % 50 == 0) usleep(500);
  }
  MUST(close(ends[1]));
  for (int i = 0; i < count; i++) {
    EXPECT("a word", sizeof got, MUST(read(ends[0], &got, sizeof got)));
    EXPECT("its value", (int64_t)(seed + (uint64_t)i), (int64_t)got);
  }
  EXPECT("after the last word", 0, MUST(read(ends[0], &got, sizeof got)));
  EXPECT("the count of words", sizeof got, MUST(read(counter, &got, sizeof got)));
  EXPECT("its value", count, got);
  MUST(close(ends[0]));
  MUST(close(counter));
}

static const Actor actors[] = {
    {"descriptors", shuffle_descriptors, 600},
    {"files", rename_and_delete, 3000},
    {"threads", start_threads, 3000},
    {"children", start_child, 5000},
    {"timers", arm_timers, 1000},
    {"memory", map_memory, 2000},
    {"words", pass_words, 2000},
};
enum { actor_count = sizeof actors / sizeof *actors };
static struct {
  uint64_t random, steps;
} state[actor_count];

static int rest_factor = 1;
static void* act(void* argument) {
  size_t self = (uintptr_t)argument;
  uint64_t* random = &state[self].random;
  while (!stop_wanted) {
    actors[self].step(random);
    state[self].steps++;
    usleep((useconds_t)below(random, (int)actors[self].rest_us * rest_factor));
  }
  return NULL;
}

// All actors at work, until the stop; `ready`: says that they have begun. Returns what the process ends with.
static int run_actors(uint64_t seed, void (*ready)(void)) {
  // The stop is for this thread: a handler would end the waits of the others.
  sigset_t set, stop;
  sigemptyset(&set), sigaddset(&set, SIGRTMIN + 3), sigaddset(&set, SIGUSR1);
  sigemptyset(&stop), sigaddset(&stop, SIGUSR1);
  MUST(sigprocmask(SIG_BLOCK, &set, NULL));
  make_files();
  pthread_t threads[actor_count];
  for (size_t i = 0; i < actor_count; i++) {
    state[i].random = mix(seed * actor_count + i);
    MUST0(pthread_create(&threads[i], NULL, act, (void*)(uintptr_t)i));
  }
  MUST0(pthread_sigmask(SIG_UNBLOCK, &stop, NULL));
  ready();
  for (size_t i = 0; i < actor_count; i++) {
    MUST0(pthread_join(threads[i], NULL));
    if (state[i].steps == 0) fail("the steps of %s: expected some got none", actors[i].name);
    claim(actors[i].name);
  }
  end_claim();
  return 0;
}

static int begun[2];
static void say_begun(void) {
  MUST(write(begun[1], "x", 1));
  MUST(close(begun[0]));
  MUST(close(begun[1]));
}

static void run_trees(const char* dir, uint64_t seed, int count) {
  pid_t* trees = calloc((size_t)count, sizeof *trees);
  rest_factor = 4 * count;
  MUST(pipe(begun));
  for (int i = 0; i < count; i++) {
    if ((trees[i] = (pid_t)MUST(fork())) != 0) continue;
    static char own[4096];
    snprintf(own, sizeof own, "%s/%d", dir, i);
    MUST(mkdir(own, 0700));
    chaos_dir = own;
    _exit(run_actors(seed + (uint64_t)i, say_begun));
  }
  char byte;
  for (int i = 0; i < count; i++) EXPECT("trees that begin", 1, MUST(read(begun[0], &byte, 1)));
  say_ready();
  wait_for_stop();
  for (int i = 0; i < count; i++) MUST(kill(trees[i], SIGUSR1));
  for (int i = 0; i < count; i++) {
    int status;
    MUST(waitpid(trees[i], &status, 0));
    if (status != 0)
      fail("seed %llu: expected status 0 got %d", (unsigned long long)seed + (unsigned)i, status);
  }
}

int main(int argc, char** argv) {
  if (argc < 3) fail("usage: chaos DIRECTORY SEED [TREES]");
  chaos_dir = argv[1];
  uint64_t seed = strtoull(argv[2], NULL, 10);
  listen_for_stop();
  if (argc > 3) run_trees(argv[1], seed, atoi(argv[3]));
  else run_actors(seed, say_ready);
  return say_ok();
}
