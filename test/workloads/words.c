// words [MiB] [word writes a second, 0 = as fast as possible] [0: no more than that]: writes single words here and there, so that a page that is sent again differs in
// few of them; gives memory back, maps it anew, moves it, and bears children that write their own. Every word is checked against a count of
// its writes: one that comes from the wrong version of its page is found.
// @family Memory
// @always-moving
// @claim rewritten memory.anonymous
#include <sys/wait.h>

#include "workload.h"

enum { page = 4096, segment = 1 << 20, words = segment / 8, most = 256, turn = 20000, child_writes = 200 };

static uint64_t* memory[most];
static uint32_t* counts[most];  // writes of each word; 0: it is zero
static size_t segments;

static uint64_t value(size_t at, size_t i) {
  const uint32_t count = counts[at][i];
  return count == 0 ? 0 : mix(((uint64_t)at << 48) + ((uint64_t)i << 24) + count);
}

static void check_word(const char* what, size_t at, size_t i) {
  const uint64_t wanted = value(at, i), got = memory[at][i];
  if (got != wanted)
    fail("%s: word %zu of segment %zu: expected %llx got %llx", what, i, at, (unsigned long long)wanted,
         (unsigned long long)got);
}

static void check_all(const char* what) {
  for (size_t at = 0; at < segments; at++)
    for (size_t i = 0; i < words; i++) check_word(what, at, i);
}

static void write_word(size_t at, size_t i) {
  counts[at][i]++;
  memory[at][i] = value(at, i);
}

static uint64_t* map_segment(void) {
  void* got = mmap(NULL, segment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (got == MAP_FAILED) fail("memory: expected a segment got none");
  return got;
}

// One of the things that make the last version of a page another one than was sent. What is mapped anew becomes a mapping of its own
// while a migration watches the others, and mremap moves one mapping: so half of the segments are mapped anew, and the others moved.
static void disturb(uint64_t random) {
  size_t at = random % segments;
  const size_t first = (random >> 20) % (words / 512 - 16) * 512;
  switch ((random >> 40) % 5) {
    case 0:  // a few pages are given back
      MUST(madvise(memory[at] + first, 16 * page, MADV_DONTNEED));
      memset(counts[at] + first, 0, 16 * 512 * sizeof(uint32_t));
      break;
    case 1:  // mapped anew at the same place
      at = at / 2 * 2;
      MUST(munmap(memory[at] + first, 16 * page));
      if (mmap(memory[at] + first, 16 * page, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
        fail("mmap: expected the same place got none");
      memset(counts[at] + first, 0, 16 * 512 * sizeof(uint32_t));
      break;
    case 2: {  // moved over another one, which moves to where it was
      at = at / 2 * 2 + 1;
      const size_t other = (at + 2) % segments;
      uint64_t* aside = map_segment();
      uint64_t *a = memory[at], *b = memory[other];
      if (mremap(a, segment, segment, MREMAP_MAYMOVE | MREMAP_FIXED, aside) == MAP_FAILED ||
          mremap(b, segment, segment, MREMAP_MAYMOVE | MREMAP_FIXED, a) == MAP_FAILED ||
          mremap(aside, segment, segment, MREMAP_MAYMOVE | MREMAP_FIXED, b) == MAP_FAILED)
        fail("mremap: expected a move got none");
      memory[at] = b;
      memory[other] = a;
      break;
    }
    case 3:  // zeros
      memset(memory[at] + first, 0, 4 * page);
      memset(counts[at] + first, 0, 4 * 512 * sizeof(uint32_t));
      break;
    default: {  // a child writes its own copy for a while, and so does this one
      const pid_t child = (pid_t)MUST(fork());
      if (child == 0) {
        for (int i = 0; i < child_writes; i++) {
          random = mix(random);
          write_word(random % segments, (random >> 20) % words);
          if (i % 8 == 0) usleep(4000);
        }
        check_all("in the child");
        _exit(0);
      }
      break;
    }
  }
}

static void reap(int options) {
  int status;
  for (pid_t child; (child = waitpid(-1, &status, options)) > 0;)
    if (status != 0) fail("a child: expected 0 got %#x", (unsigned)status);
}

int main(int argc, char** argv) {
  segments = argc > 1 ? (size_t)atol(argv[1]) : 16;
  const long rate = argc > 2 ? atol(argv[2]) : 100000;
  const bool disturbs = argc <= 3 || atol(argv[3]) != 0;
  if (segments < 4 || segments % 2 != 0 || segments > most)
    fail("segments: expected an even number of 4 to %d got %zu", most, segments);
  listen_for_stop();
  for (size_t at = 0; at < segments; at++) {
    memory[at] = map_segment();
    counts[at] = calloc(words, sizeof *counts[at]);
    if (counts[at] == NULL) fail("memory: expected %zu MiB got less", segments);
    for (size_t i = 0; i < words; i++) write_word(at, i);
  }
  say_ready();
  uint64_t random = 1, writes = 0;
  while (!stop_wanted) {
    random = mix(random);
    const size_t at = random % segments, i = (random >> 20) % words;
    check_word("while running", (random >> 50) % segments, (random >> 30) % words);
    write_word(at, i);
    if (++writes % turn == 0 && disturbs) {
      reap(WNOHANG);
      disturb(mix(random));
    }
    if (rate > 0 && writes % 256 == 0) {
      struct timespec pause = {.tv_nsec = 256 * 1000000000l / rate % 1000000000l};
      nanosleep(&pause, NULL);
    }
  }
  reap(0);
  claim("rewritten");
  check_all("at the end");
  return say_ok();
}
