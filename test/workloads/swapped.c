// Pages that are swapped out when they are looked at: private ones, shared between parent and child by copy-on-write, of shared memory,
// and in huge pages. In motion they are written and swapped out again.
// @family Memory
// @swap
// @claim private memory.swapped
// @claim given-back memory.swapped
// @claim huge memory.swapped
// @claim shared memory.swapped
// @claim child memory.swapped
#include "workload.h"

enum { page = 4096, size = 1024 * page, huge_size = 4 << 20 };
static uint64_t *plain, *inherited, *shared, *huge;
static uint64_t rounds;

// How many of these pages are in swap; /proc/self/pagemap bit 62, and no marker (swap type 31).
static long swapped(const void* at, size_t bytes) {
  int fd = (int)MUST(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  long count = 0;
  for (size_t i = 0; i < bytes / page; i++) {
    uint64_t word = 0;
    MUST(pread(fd, &word, 8, (off_t)(((uintptr_t)at / page + i) * 8)));
    count += (word >> 62 & 1) == 1 && (word & 31) != 31;
  }
  close(fd);
  return count;
}
static void swap_out(void* at, size_t bytes) {
  for (int i = 0; i < 20 && swapped(at, bytes) == 0; i++) {
    MUST(madvise(at, bytes, MADV_PAGEOUT));
    usleep(1000);
  }
}
static void work(void) {
  size_t at = rounds++ % (size / page) * (page / 8);
  fill_pattern(plain + at, page, 1 + at);
  fill_pattern(shared + at, page, 3 + at);
  if (rounds % 16 == 0) madvise(plain, size, MADV_PAGEOUT);
  if (rounds % 16 == 8) madvise(shared, size, MADV_PAGEOUT);
}

int main(void) {
  listen_for_stop();
  const int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  plain = mmap(NULL, size, rw, anonymous, -1, 0);
  inherited = mmap(NULL, size, rw, anonymous, -1, 0);
  uint64_t* back = mmap(NULL, size, rw, anonymous, -1, 0);
  shared = mmap(NULL, size, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char* area = mmap(NULL, 2 * huge_size, rw, anonymous, -1, 0);
  if (area == MAP_FAILED || shared == MAP_FAILED) fail("memory: expected some got none");
  huge = (uint64_t*)(void*)(((uintptr_t)area + huge_size - 1) & ~(uintptr_t)(huge_size - 1));
  madvise(huge, huge_size, MADV_HUGEPAGE);
  fill_pattern(plain, size, 1);
  fill_pattern(inherited, size, 2);
  fill_pattern(shared, size, 3);
  fill_pattern(huge, huge_size, 4);
  fill_pattern(back, size, 5);
  // Before the fork: what two processes map MADV_PAGEOUT leaves alone.
  swap_out(plain, size), swap_out(inherited, size), swap_out(shared, size), swap_out(huge, huge_size),
      swap_out(back, size);
  if (swapped(plain, size) == 0 || swapped(inherited, size) == 0)
    fail("pages in swap: expected some got none");
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    for (size_t i = 0; i < 16; i++) inherited[i * 32 * (page / 8)] = 77;
    wait_for_stop();
    for (size_t i = 0; i < 16; i++) EXPECT("the child's page", 77, inherited[i * 32 * (page / 8)]);
    for (size_t i = 0; i < 16; i++) inherited[i * 32 * (page / 8)] = mix(2 + i * 32 * (page / 8));
    check_pattern("the child's pages", inherited, size, 2);
    _exit(0);
  }
  MUST(madvise(back, size / 2, MADV_DONTNEED));
  motion = work;
  say_ready();
  wait_for_stop();
  claim("private");
  check_pattern("private pages", plain, size, 1);
  claim("given-back");
  for (size_t i = 0; i < size / 16; i++) EXPECT("pages given back", 0, back[i]);
  check_pattern("pages kept", back + size / 16, size / 2, 5 + size / 16);
  claim("huge");
  check_pattern("huge pages", huge, huge_size, 4);
  claim("shared");
  check_pattern("shared pages", shared, size, 3);
  claim("child");
  check_pattern("pages shared by copy-on-write", inherited, size, 2);
  kill(child, SIGUSR1);
  int status;
  EXPECT("child", child, MUST(waitpid(child, &status, 0)));
  EXPECT("its status", 0, status);
  return say_ok();
}
