// A parent that hands memory down: it fills a block, bears four workers, gives its own away and maps something else there, shared memory in
// every second turn, while the workers go on with what they have, give the middle of it back or unmap it. All check what they see.
// @family Memory
// @always-moving
// @claim parent memory.cow
// @claim workers memory.cow
#include <stdatomic.h>
#include <sys/wait.h>

#include "workload.h"

enum { page = 4096, pages = 1024, workers = 4, phase_us = 40000, hole = 128 };
static uint64_t* block;
static uint64_t turn;
static uint64_t seed_of(size_t i) { return turn << 32 | (uint64_t)i << 8 | 7; }

static void check_pages(const char* what, uint64_t kind) {
  for (size_t i = 0; i < pages; i++) check_pattern(what, block + i * (page / 8), page, seed_of(i) + kind);
}
static void fill_pages(uint64_t kind) {
  for (size_t i = 0; i < pages; i++) fill_pattern(block + i * (page / 8), page, seed_of(i) + kind);
}
static void map_block(int flags) {
  void* at = mmap(block, (size_t)pages * page, PROT_READ | PROT_WRITE,
                  flags | MAP_ANONYMOUS | (block ? MAP_FIXED : 0), -1, 0);
  if (at == MAP_FAILED) fail("mmap: expected memory got %s", strerror(errno));
  block = at;
}
// The last of them writes into a hole in the middle, and gives it back, or its mapping too.
__attribute__((noreturn)) static void one_worker(int who) {
  open_claim = "workers";
  bool is_last = who == workers - 1;
  uint64_t* middle = block + (size_t)(pages / 2) * (page / 8);
  for (int i = 0; i < 8; i++) {
    usleep(phase_us / 8);
    if (is_last && i == 4) {
      memset(middle, 0x5a, (size_t)hole * page);
      if (turn % 2 == 0) MUST(munmap(middle, (size_t)hole * page));
      if (turn % 2 == 1) MUST(madvise(middle, (size_t)hole * page, MADV_DONTNEED));
    }
  }
  for (size_t i = 0; i < pages; i++) {
    if (is_last && i >= pages / 2 && i < pages / 2 + hole) continue;
    check_pattern("what a worker has", block + i * (page / 8), page, seed_of(i));
  }
  for (size_t i = 0; is_last && turn % 2 == 1 && i < (size_t)hole * page / 8; i++)
    EXPECT("what was given back", 0, middle[i]);
  _exit(33);
}
static void one_turn(void) {
  turn++;
  map_block(MAP_PRIVATE);
  MUST(madvise(block, (size_t)pages * page, MADV_NOHUGEPAGE));
  fill_pages(0);
  usleep(phase_us);
  check_pages("what the parent has", 0);
  pid_t family[workers];
  for (int i = 0; i < workers; i++) {
    family[i] = (pid_t)MUST(fork());
    if (family[i] == 0) one_worker(i);
  }
  MUST(munmap(block, (size_t)pages * page));
  if (turn % 2 == 0) {
    map_block(MAP_SHARED);
    fill_pages(100);
  }
  for (int i = 0; i < workers; i++) {
    int status;
    while (waitpid(family[i], &status, 0) != family[i]) EXPECT("why not", EINTR, errno);
    if (status != 33 << 8) disprove("workers", "expected the end %x got %x", 33 << 8, status);
  }
  if (turn % 2 == 0) check_pages("shared memory", 100);
}

int main(void) {
  listen_for_stop();
  map_block(MAP_PRIVATE);
  say_ready();
  claim("parent");
  while (!stop_wanted) one_turn();
  one_turn();
  claim("workers");  // disproved above, if it does not hold
  return say_ok();
}
