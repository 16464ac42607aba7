// execs: children are forked all the time, work for a while in a copy of their parent's memory, and then execute a program, in which they
// work again: a tree whose address spaces are replaced while it is copied. Each says by its end whether it found all as it had left it.
// @family Process tree
// @always-moving
// @claim executed tree.exec
#include <pthread.h>

#include "workload.h"

enum { slots = 8, words = 4096 };

static uint64_t common[words];  // of the parent, from before

// Some work in memory that is the child's own.
static void work(uint64_t seed, long us) {
  static uint64_t memory[words];
  uint64_t* heap = malloc(sizeof memory);
  fill_pattern(memory, sizeof memory, seed);
  fill_pattern(heap, sizeof memory, seed + 1);
  usleep((useconds_t)us);
  check_pattern("static memory", memory, sizeof memory, seed);
  check_pattern("the heap", heap, sizeof memory, seed + 1);
  free(heap);
}

static int executed(uint64_t seed) {
  work(seed, 100000 + (long)(mix(seed + 7) % 200000));
  char text[64];
  snprintf(text, sizeof text, "%.3f", (double)(seed % 1000) / 8);  // the program's libraries
  return strtod(text, NULL) * 8 < (double)(seed % 1000) + 0.01 ? (int)(mix(seed) % 100) : 101;
}

static pid_t start(uint64_t seed) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid != 0) return pid;
  char number[24];
  char* args[] = {"execs", "child", number, NULL};
  snprintf(number, sizeof number, "%llu", (unsigned long long)seed);
  if (seed % 4 == 0) work(seed, (long)(mix(seed) % 200000));
  else if (seed % 4 < 3) usleep((useconds_t)(mix(seed) % 4000));
  check_pattern("the parent's memory", common, sizeof common, 3);
  execve("/proc/self/exe", args, environ);
  _exit(102);
}

int main(int argc, char** argv) {
  if (argc == 3) return executed(strtoull(argv[2], NULL, 10));
  listen_for_stop();
  fill_pattern(common, sizeof common, 3);
  pid_t pids[slots];
  uint64_t seeds[slots], seed = 0, ended = 0;
  for (int i = 0; i < slots; i++) pids[i] = start(seeds[i] = seed++);
  say_ready();
  for (int left = slots; left > 0;) {
    int status, slot = 0;
    pid_t pid = wait(&status);
    if (pid == -1 && errno == EINTR) continue;
    while (slot < slots && pids[slot] != pid) slot++;
    EXPECT("a child of the parent", 1, slot < slots);
    char what[64];
    snprintf(what, sizeof what, "status of child %d, number %d", (int)pid, (int)seeds[slot]);
    EXPECT(what, (int)(mix(seeds[slot]) % 100) << 8, status);
    ended++;
    if (stop_wanted) left--;
    else pids[slot] = start(seeds[slot] = seed++);
  }
  if (ended <= slots) fail("children: expected more got %d", (int)ended);
  claim("executed");
  return say_ok();
}
