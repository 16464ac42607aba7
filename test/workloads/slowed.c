// slowed [MiB] [writing threads] [births]: writes its memory as fast as it can, and meanwhile waits in all the ways that a stop could show in: a
// wait of epoll with and without a limit, a sleep, a pipe, signals with values, children that end while SIGCHLD is ignored by default (births = 1). No
// call may fail, no wait may end early, and waits with a limit have to end. Each SIGUSR2 tells what the writers have done: "pieces N microseconds".
// @family Time
// @apart
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "workload.h"

enum { page = 4096, wait_ms = 30, sleep_ms = 5, piece = 64, most_writers = 16, last_ring = 1 << 30 };
static char* memory;
static size_t pages_each;
static uint64_t* passes;  // of each writer
static _Atomic bool stopping;
static _Atomic uint64_t pieces, waits, sleeps, wakes, turns, births;
static int pings[2], pongs[2], bell;
static uint64_t signals_sent, signals_seen;

static void* write_pages(void* arg) {
  const size_t me = (size_t)arg;
  char* at = memory + me * pages_each * page;
  int64_t last = 0;
  for (uint64_t pass = 1; !stopping; pass++) {
    for (size_t i = 0; i < pages_each; i++) {
      fill_pattern(at + i * page, page, pass + me);
      if (i % piece == 0) pieces++;
    }
    const int64_t now = now_us(CLOCK_MONOTONIC);
    if (now < last)
      fail("the monotonic clock: expected at least %lld got %lld", (long long)last, (long long)now);
    last = now;
    passes[me] = pass;
  }
  for (size_t i = 0; i < pages_each; i++) check_pattern("page", at + i * page, page, passes[me] + me);
  return NULL;
}

static void* wait_with_limit(void* arg) {
  const int poll = (int)MUST(epoll_create1(0));
  struct epoll_event event;
  while (!stopping) {
    const int64_t began = now_us(CLOCK_MONOTONIC);
    EXPECT("events when the limit ends", 0, MUST(epoll_wait(poll, &event, 1, wait_ms)));
    if (now_us(CLOCK_MONOTONIC) - began < wait_ms * 1000 - 1000) fail("epoll_wait ended early");
    waits++;
  }
  return arg;
}

static void* wait_without_limit(void* arg) {
  const int poll = (int)MUST(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN};
  MUST(epoll_ctl(poll, EPOLL_CTL_ADD, bell, &event));
  for (uint64_t rung = 0; rung < last_ring; wakes += rung % last_ring) {
    EXPECT("events", 1, MUST(epoll_wait(poll, &event, 1, -1)));
    MUST(read(bell, &rung, sizeof rung));
  }
  return arg;
}

static void* sleep_and_ring(void* arg) {
  const struct timespec pause = {.tv_nsec = sleep_ms * 1000000};
  while (!stopping) {
    const int64_t began = now_us(CLOCK_MONOTONIC);
    MUST(nanosleep(&pause, NULL));
    if (now_us(CLOCK_MONOTONIC) - began < sleep_ms * 1000) fail("nanosleep ended early");
    sleeps++;
    const uint64_t one = 1;
    MUST(write(bell, &one, sizeof one));
    MUST(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = (int)++signals_sent}));
  }
  const uint64_t last = last_ring;
  MUST(write(bell, &last, sizeof last));
  MUST(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 0}));
  return arg;
}

static void* await_signals(void* arg) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  for (siginfo_t info;;) {
    EXPECT("signal", SIGRTMIN, MUST(sigwaitinfo(&set, &info)));
    if (info.si_value.sival_int == 0) return arg;
    EXPECT("number of the signal", ++signals_seen, info.si_value.sival_int);
  }
}

static void* echo(void* arg) {
  for (uint64_t number; MUST(read(pings[0], &number, sizeof number)) > 0;)
    MUST(write(pongs[1], &number, sizeof number));
  return arg;
}

static void* ping(void* arg) {
  for (uint64_t number = 1, got; !stopping; number++) {
    MUST(write(pings[1], &number, sizeof number));
    EXPECT("bytes of the answer", sizeof got, MUST(read(pongs[0], &got, sizeof got)));
    EXPECT("answer", number, got);
    turns++;
    usleep(500);
  }
  close(pings[1]);
  return arg;
}

static void* bear(void* arg) {
  for (; !stopping; births++) {
    const pid_t child = (pid_t)MUST(fork());
    if (child == 0) _exit(0);
    usleep(10000);
    EXPECT("child", child, MUST(waitpid(child, NULL, 0)));
  }
  return arg;
}

static void tell(int signal) {
  (void)signal;
  say("pieces %llu %lld\n", (unsigned long long)pieces, (long long)now_us(CLOCK_MONOTONIC));
}

int main(int argc, char** argv) {
  const size_t mib = argc > 1 ? (size_t)atol(argv[1]) : 8;
  const bool bears =
      argc > 3 && atoi(argv[3]) == 1;  // copies of all this memory, for whoever copies processes
  const size_t writers = argc > 2 ? (size_t)atol(argv[2]) : 1;
  pages_each = mib * 256 / writers;
  memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || writers > most_writers) fail("memory for %zu writers: not there", writers);
  MUST(madvise(memory, mib << 20, MADV_NOHUGEPAGE));
  passes = calloc(most_writers, sizeof *passes);
  MUST(pipe(pings));
  MUST(pipe(pongs));
  bell = (int)MUST(eventfd(0, 0));
  sigset_t all, open;
  sigfillset(&all);
  MUST0(pthread_sigmask(SIG_SETMASK, &all, &open));
  void* (*const works[])(void*) = {
      wait_with_limit, wait_without_limit, sleep_and_ring, await_signals, echo, ping, bear};
  enum { all_works = sizeof works / sizeof *works };
  const size_t work_count = bears ? all_works : all_works - 1;
  pthread_t threads[all_works + most_writers];
  for (size_t i = 0; i < work_count; i++) MUST0(pthread_create(&threads[i], NULL, works[i], NULL));
  for (size_t i = 0; i < writers; i++)
    MUST0(pthread_create(&threads[work_count + i], NULL, write_pages, (void*)i));
  sigaddset(&open, SIGRTMIN);
  struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGUSR2, &action, NULL));
  listen_for_stop();
  const int64_t began = now_us(CLOCK_MONOTONIC);
  say_ready();
  while (!stop_wanted) sigsuspend(&open);
  const uint64_t waited_ms = (uint64_t)(now_us(CLOCK_MONOTONIC) - began) / 1000;
  stopping = true;
  for (size_t i = 0; i < work_count + writers; i++) MUST0(pthread_join(threads[i], NULL));
  EXPECT("signals", signals_sent, signals_seen);
  EXPECT("rings", sleeps, wakes);
  // On a machine that others use too; a wait that each stop begins anew would never end.
  if (waits < waited_ms / wait_ms / 8) fail("waits that ended: expected some got %d", (int)waits);
  if (sleeps < waited_ms / sleep_ms / 16) fail("sleeps that ended: expected some got %d", (int)sleeps);
  if ((births == 0 && bears) || turns == 0)
    fail("births and turns: expected some got %d, %d", (int)births, (int)turns);
  return say_ok();
}
