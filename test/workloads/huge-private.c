// Private memory of reserved huge pages: full, nearly empty, never touched, given back, given back and read again, protected in part,
// shared with a child by copy-on-write; and written all the time.
// @family Memory
// @hugepages
// @claim content memory.hugetlb
// @claim page-size memory.hugetlb
// @claim sparse memory.hugetlb
// @claim given-back memory.hugetlb
// @claim read-again memory.hugetlb
// @claim protected memory.hugetlb
// @claim child memory.hugetlb
// @claim written memory.hugetlb
// @claim remapped memory.hugetlb
#include "huge.h"

static char *busy, *given, *cycle;
static uint64_t writes, gifts;
static int64_t last_gift;
static bool is_given[2];
static char* last;
static int last_value;
/** One write in some page; now and then a page is given back and only read, or filled again; and one mapping is replaced by another at its place. */
static void work(void) {
  static uint64_t random = 7;
  random = mix(random);
  writes++;
  memcpy(busy + random % 2 * huge + random / 2 % 512 * page, &writes, sizeof writes);
  memcpy(busy + 2 * huge, &writes, sizeof writes);
  if (now_us(CLOCK_MONOTONIC) - last_gift > 20000) {
    last_gift = now_us(CLOCK_MONOTONIC);
    int which = (int)(gifts++ % 2);
    char* at = given + which * huge;
    is_given[which] = !is_given[which];
    if (is_given[which]) {
      MUST0(madvise(at, huge, MADV_DONTNEED));
      for (size_t i = 0; i < huge; i += page) EXPECT("byte that was given back", 0, at[i]);
    } else {
      // It may have been moved since.
      for (size_t i = 0; i < huge; i += page) EXPECT("byte that was given back and read", 0, at[i]);
      memset(at, 'g', huge);
    }
  }
  if (writes % 97 == 0) {
    MUST0(munmap(cycle, huge));
    char* at = mmap(cycle, huge, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1, 0);
    if (at != cycle) fail("mmap: expected %p got %s", (void*)cycle, strerror(errno));
    last = cycle + random % 512 * page;
    last_value = (int)(writes % 100 + 1);
    *last = (char)last_value;
  }
}

int main(void) {
  listen_for_stop();
  char *full = map_huge(2, MAP_PRIVATE, -1), *sparse = map_huge(3, MAP_PRIVATE, -1);
  char *guarded = map_huge(2, MAP_PRIVATE, -1), *inherited = map_huge(2, MAP_PRIVATE, -1);
  busy = map_huge(3, MAP_PRIVATE, -1);
  given = map_huge(2, MAP_PRIVATE, -1);
  cycle = map_huge(1, MAP_PRIVATE, -1);
  fill_pattern(full, 2 * huge, 1);
  sparse[2 * huge + 5] = 5;
  memset(sparse, 's', huge);
  MUST0(madvise(sparse, huge, MADV_DONTNEED));
  memset(given, 'g', 2 * huge);
  memset(guarded, 'p', 2 * huge);
  memset(inherited, 'i', 2 * huge);
  for (int i = 0; i < 200; i++) work();
  memset(given, 'g', 2 * huge);
  MUST0(madvise(given, huge, MADV_DONTNEED));
  EXPECT("byte that was given back", 0, *(volatile char*)given);
  is_given[0] = true;
  is_given[1] = false;
  MUST0(mprotect(guarded, huge, PROT_READ));
  int ask[2], answer[2];
  MUST0(pipe(ask));
  MUST0(pipe(answer));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    char byte, ok = 1;
    inherited[huge + 9] = 'c';
    MUST(write(answer[1], &ok, 1));
    MUST(read(ask[0], &byte, 1));
    for (int i = 0; i < 2 * huge; i++) ok &= inherited[i] == (i == huge + 9 ? 'c' : 'i');
    ok &= full[page] == *(volatile char*)(full + page);
    MUST(write(answer[1], &ok, 1));
    _exit(0);
  }
  char ok = 0;
  MUST(read(answer[0], &ok, 1));
  if (in_motion()) motion = work;
  say_ready();
  wait_for_stop();
  claim("content");
  check_pattern("private huge pages", full, 2 * huge, 1);
  claim("page-size");
  EXPECT("KiB of a page", huge / 1024, page_size_at(full));
  claim("sparse");
  for (int i = huge; i < 3 * huge; i++)
    EXPECT("byte of a sparse mapping", i == 2 * huge + 5 ? 5 : 0, sparse[i]);
  claim("given-back");
  for (int i = 0; i < huge; i++) EXPECT("byte that was given back", 0, sparse[i]);
  claim("read-again");
  for (int i = 0; i < 2 * huge; i++)
    EXPECT("byte of what was given back and read, or filled", is_given[i / huge] ? 0 : 'g', given[i]);
  claim("protected");
  EXPECT("byte of a protected page", 'p', guarded[huge - 1]);
  int sink[2];
  MUST0(pipe(sink));
  MUST(write(sink[1], "?", 1));
  if (read(sink[0], guarded, 1) != -1 || errno != EFAULT)
    fail("write to a protected page: expected EFAULT got another");
  guarded[huge] = 'q';
  claim("child");
  MUST(write(ask[1], "?", 1));
  MUST(read(answer[0], &ok, 1));
  EXPECT("memory of a child", 1, ok);
  for (int i = 0; i < 2 * huge; i++) EXPECT("byte that the child has written to", 'i', inherited[i]);
  MUST(waitpid(child, NULL, 0));
  claim("written");
  uint64_t found = 0;
  memcpy(&found, busy + 2 * huge, sizeof found);
  EXPECT("counter in a huge page", writes, found);
  claim("remapped");
  for (int i = 0; i < huge; i++)
    EXPECT("byte of a mapping that was replaced", cycle + i == last ? last_value : 0, cycle[i]);
  return say_ok();
}
