// A parent and eight workers with common memory, all of which go on writing into it, giving pages back and checking others: what is
// shared by copy-on-write, by whom, changes all the time. The parent has rewritten a half of it before, so that workers share that among
// themselves only. Each knows by heart what must be in each page of its own.
// @family Memory
// @always-moving
// @claim parent memory.cow
// @claim workers memory.cow
#include <stdatomic.h>
#include <sys/wait.h>

#include "workload.h"

enum { page = 4096, words = page / 8, pages = 8192, workers = 8, given_back = 0xffff };
static uint64_t* memory;
static uint16_t* written;  // by page: how often its owner has written it, or that it gave it back
static atomic_int* meeting;

static uint64_t seed_of(int who, size_t i) {
  return written[i] == 0 ? (uint64_t)i << 20 : ((uint64_t)(who + 1) << 52) | ((uint64_t)i << 20) | written[i];
}
static void check_page(int who, size_t i) {
  uint64_t* at = memory + i * words;
  if (written[i] != given_back) return check_pattern("a page", at, page, seed_of(who, i));
  for (size_t k = 0; k < words; k++) EXPECT("a page that was given back", 0, at[k]);
}
static void write_page(int who, size_t i) {
  written[i] = written[i] == given_back ? 1 : (uint16_t)(written[i] + 1) % given_back;
  if (written[i] == 0) written[i] = 1;
  fill_pattern(memory + i * words, page, seed_of(who, i));
}
static void work_once(int who, uint64_t* random) {
  *random = mix(*random);
  size_t i = *random % pages;
  check_page(who, i);
  switch (*random >> 61) {
    case 0: MUST(madvise(memory + i * words, page, MADV_DONTNEED)), written[i] = given_back; break;
    case 1: check_page(who, i); break;
    default: write_page(who, i);
  }
  usleep(who == 0 ? 200 : 3000);  // workers that write much share nothing any more
}
static void check_all(int who) {
  for (size_t i = 0; i < pages; i++) check_page(who, i);
}
__attribute__((noreturn)) static void one_worker(int who) {
  uint64_t random = (uint64_t)who * 77;
  signal(SIGUSR1, SIG_IGN);
  atomic_fetch_add(meeting, 1);
  while (atomic_load(meeting) <= workers) work_once(who, &random);
  check_all(who);
  _exit(33);
}

int main(void) {
  listen_for_stop();
  memory = mmap(NULL, (size_t)pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  written = calloc(pages, sizeof *written);
  meeting = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || written == NULL || meeting == MAP_FAILED)
    fail("memory: expected some got none");
  MUST(madvise(memory, (size_t)pages * page, MADV_NOHUGEPAGE));
  for (size_t i = 0; i < pages; i++) fill_pattern(memory + i * words, page, seed_of(0, i));
  pid_t family[workers];
  for (int i = 0; i < workers; i++) {
    family[i] = (pid_t)MUST(fork());
    if (family[i] == 0) one_worker(i + 1);
  }
  while (atomic_load(meeting) < workers) usleep(1000);
  for (size_t i = 0; i < pages / 2; i++) write_page(0, i);
  say_ready();
  uint64_t random = 5;
  while (!stop_wanted) work_once(0, &random);
  claim("parent");
  check_all(0);
  claim("workers");
  atomic_fetch_add(meeting, 1);
  for (int i = 0; i < workers; i++) {
    int status;
    EXPECT("a worker", family[i], MUST(waitpid(family[i], &status, 0)));
    EXPECT("its end", 33 << 8, status);
  }
  return say_ok();
}
