// What all self-checking workloads share. The protocol: set up, say "ready", work until SIGUSR1, then look at yourself from
// the inside: exit 0 with "ok", or print `what: expected X got Y` and exit 1. A workload compares with what it wrote down
// before, never with what the engine says. What it proves it says claim by claim (claims.h).
#ifndef WORKLOAD_H
#define WORKLOAD_H
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "claims.h"
#include "motion.h"

static volatile sig_atomic_t stop_wanted;

__attribute__((noreturn, format(printf, 1, 2), unused)) static void fail(const char* format, ...) {
  char text[4200];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (open_claim != NULL) say("claim %s failed: %s\n", open_claim, text);
  say("[%d] %s\n", (int)getpid(), text);
  _exit(1);
}

// For workloads with many independent parts: what is wrong is told together by say_ok.
static char noted[4096];
__attribute__((format(printf, 1, 2), unused)) static void note(const char* format, ...) {
  size_t used = strlen(noted);
  va_list args;
  va_start(args, format);
  vsnprintf(noted + used, sizeof noted - used, format, args);
  va_end(args);
}

#define EXPECT(what, expected, got)                                                   \
  do {                                                                                \
    long long expected_ = (long long)(expected), got_ = (long long)(got);             \
    if (expected_ != got_) fail("%s: expected %lld got %lld", what, expected_, got_); \
  } while (0)

// Long texts are compared as a whole and shown from the first line that differs.
__attribute__((unused)) static void expect_text(const char* what, const char* expected, const char* got) {
  size_t i = 0, line = 0;
  while (expected[i] == got[i] && expected[i] != 0) {
    if (expected[i++] == '\n') line = i;
  }
  if (expected[i] == got[i]) return;
  fail("%s: expected %.*s got %.*s", what, (int)strcspn(expected + line, "\n"), expected + line,
       (int)strcspn(got + line, "\n"), got + line);
}
#define EXPECT_TEXT(what, expected, got) expect_text(what, expected, got)

// A call that must not fail while the workload sets itself up or looks at itself.
#define MUST(call)                                                                                      \
  ({                                                                                                    \
    long long result_ = (long long)(call);                                                              \
    if (result_ == -1) fail("%s (line %d): expected success got %s", #call, __LINE__, strerror(errno)); \
    result_;                                                                                            \
  })

// pthread calls return the error.
#define MUST0(call)                                                                              \
  do {                                                                                           \
    int error_ = (call);                                                                         \
    if (error_ != 0) fail("%s (line %d): expected 0 got %s", #call, __LINE__, strerror(error_)); \
  } while (0)

static inline uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline int64_t now_us(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

// Fills memory with a pattern that depends on the seed and the place; check_pattern finds the first wrong word.
__attribute__((unused)) static void fill_pattern(void* memory, size_t bytes, uint64_t seed) {
  uint64_t* words = memory;
  for (size_t i = 0; i < bytes / 8; i++) words[i] = mix(seed + i);
}
__attribute__((unused)) static void check_pattern(const char* what, const void* memory, size_t bytes,
                                                  uint64_t seed) {
  const uint64_t* words = memory;
  for (size_t i = 0; i < bytes / 8; i++) {
    uint64_t wanted = mix(seed + i);
    if (words[i] != wanted) {
      fail("%s at byte %zu: expected %llx got %llx", what, i * 8, (unsigned long long)wanted,
           (unsigned long long)words[i]);
    }
  }
}

__attribute__((unused)) static void on_stop(int signal) {
  (void)signal;
  stop_wanted = 1;
}

// SIGUSR1 sets stop_wanted. Call before threads and children exist.
__attribute__((unused)) static void listen_for_stop(void) {
  struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGUSR1, &action, NULL));
}

__attribute__((unused)) static void say_ready(void) { MUST(write(1, "ready\n", 6)); }

// Sleeps until SIGUSR1 has come, in sigsuspend, so that it cannot be missed; works until then in motion.
__attribute__((unused)) static void wait_for_stop(void) {
  sigset_t set, old;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, &old);
  sigset_t open = old;
  sigdelset(&open, SIGUSR1);
  while (!stop_wanted && !in_motion()) sigsuspend(&open);
  sigprocmask(SIG_SETMASK, &old, NULL);
  while (!stop_wanted) move_once();
}

__attribute__((unused)) static int say_ok(void) {
  if (noted[0] != 0) fail("%s", noted);
  end_claim();
  if (broken_claims > 0) fail("claims that hold: expected all got %d that do not", broken_claims);
  MUST(write(1, "ok\n", 3));
  return 0;
}
#endif
