// fork-storm [pause in microseconds]: children and threads are born and die all the time, some with children of their own; every end
// is checked. Memory written before a fork must be what the child sees, whatever round is under way.
// @family Process tree
// @always-moving
// @claim forks tree.storm
// @claim threads threads.storm
#include <pthread.h>

#include "workload.h"

enum { slots = 6, words = 4096 };
static uint64_t* memory;

static void* short_life(void* arg) { return (void*)mix((uint64_t)arg); }

static void child(uint64_t seed) {
  check_pattern("memory seen by a child", memory, words * 8, seed);
  if (seed % 5 == 0) {  // a grandchild
    pid_t pid = (pid_t)MUST(fork());
    if (pid == 0) _exit((int)(seed % 100));
    int status;
    EXPECT("grandchild", pid, MUST(waitpid(pid, &status, 0)));
    EXPECT("its status", (int)(seed % 100) << 8, status);
  }
  if (seed % 3 == 0) usleep((useconds_t)(mix(seed) % 30000));
  memory[seed % words] = 0;  // its own copy
  _exit((int)(seed % 200));
}

int main(int argc, char** argv) {
  long pause_us = argc > 1 ? atol(argv[1]) : 2000;
  listen_for_stop();
  memory = mmap(NULL, words * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pid_t pid[slots] = {0};
  uint64_t seeds[slots] = {0}, seed = 0;
  say_ready();
  while (!stop_wanted) {
    size_t i = ++seed % slots;
    if (pid[i] != 0) {
      int status;
      EXPECT("child", pid[i], MUST(waitpid(pid[i], &status, 0)));
      EXPECT("its status", (int)(seeds[i] % 200) << 8, status);
    }
    fill_pattern(memory, words * 8, seed);
    seeds[i] = seed;
    pid[i] = (pid_t)MUST(fork());
    if (pid[i] == 0) child(seed);
    pthread_t thread;
    void* end;
    MUST0(pthread_create(&thread, NULL, short_life, (void*)seed));
    MUST0(pthread_join(thread, &end));
    EXPECT("end of a thread", (intptr_t)mix(seed), (intptr_t)end);
    if (pause_us > 0) usleep((useconds_t)pause_us);
  }
  claim("forks");
  for (int i = 0; i < slots; i++) {
    int status;
    if (pid[i] == 0) continue;
    EXPECT("child at the end", pid[i], MUST(waitpid(pid[i], &status, 0)));
    EXPECT("its status", (int)(seeds[i] % 200) << 8, status);
  }
  claim("threads");
  EXPECT("no more children", -1, waitpid(-1, NULL, 0));
  if (seed < 10) fail("children: expected at least 10 got %llu", (unsigned long long)seed);
  return say_ok();
}
