// touch [MiB] [page writes a second, 0 = as fast as possible] [copies]: rewrites pages at random and verifies others, so that a page that
// comes from the wrong round, or not at all, is found. A page is so many copies of a random pattern (1): as much smaller it can become.
// @family Memory
// @always-moving
// @claim rewritten memory.anonymous
#include "workload.h"

enum { page = 4096, words = page / 8 };

static size_t copies = 1;

static void fill_page(uint64_t* at, uint64_t seed) {
  for (size_t i = 0; i < copies; i++) fill_pattern(at + i * (words / copies), page / copies, seed);
}
static void check_page(const char* what, const uint64_t* at, uint64_t seed) {
  for (size_t i = 0; i < copies; i++) check_pattern(what, at + i * (words / copies), page / copies, seed);
}

int main(int argc, char** argv) {
  size_t mib = argc > 1 ? (size_t)atol(argv[1]) : 32;
  long rate = argc > 2 ? atol(argv[2]) : 20000;
  if (argc > 3) copies = (size_t)atol(argv[3]);
  size_t pages = mib * 256;
  listen_for_stop();
  uint64_t* memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint32_t* generation = calloc(pages, sizeof *generation);
  if (memory == MAP_FAILED || generation == NULL) fail("memory: expected %zu MiB got none", mib);
  for (size_t i = 0; i < pages; i++) fill_page(memory + i * words, (uint64_t)i << 32);
  say_ready();
  uint64_t random = 1, writes = 0;
  while (!stop_wanted) {
    random = mix(random);
    size_t i = random % pages, j = (random >> 32) % pages;
    generation[i]++;
    fill_page(memory + i * words, ((uint64_t)i << 32) + generation[i] * 1000ull);
    check_page("page while running", memory + j * words, ((uint64_t)j << 32) + generation[j] * 1000ull);
    if (rate > 0 && ++writes % 64 == 0) {
      struct timespec pause = {.tv_nsec = 64 * 1000000000l / rate % 1000000000l};
      nanosleep(&pause, NULL);
    }
  }
  claim("rewritten");
  for (size_t i = 0; i < pages; i++) {
    check_page("page at the end", memory + i * words, ((uint64_t)i << 32) + generation[i] * 1000ull);
  }
  return say_ok();
}
