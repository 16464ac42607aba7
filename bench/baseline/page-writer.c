/* A process with memory of small pages, that does what lines on its stdin say and answers with a line each:
 *   userfaultfd          makes one, answers its number
 *   close N              closes it
 *   touch PERMILLE       writes so many of its pages, spread at random
 *   pages N              the same, by their number
 *   drop MIB             gives back that much by MADV_DONTNEED, and answers
 *   work N               so much arithmetic in each step of loop
 *   loop MS              writes for so much CPU time: 128 bytes into a random page, then some arithmetic; answers steps done
 * usage: page-writer MIB; first line: address and length */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL

static uint64_t state = 88172645463325252ULL;
static uint64_t next_random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
static double now(void) { /* CPU time: other load on the machine does not count */
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const size_t size = strtoul(argv[1], NULL, 10) << 20, pages = size / PAGE;
  char* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return 2;
  madvise(at, size, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < pages; i++) memset(at + i * PAGE, (int)(i | 1), PAGE);
  printf("%lu %lu\n", (unsigned long)at, (unsigned long)size);
  fflush(stdout);
  char line[128], word[32];
  unsigned long work = 300;
  while (fgets(line, sizeof line, stdin)) {
    unsigned long argument = 0, answer = 0;
    sscanf(line, "%31s %lu", word, &argument);
    if (!strcmp(word, "userfaultfd")) answer = (unsigned long)syscall(SYS_userfaultfd, O_CLOEXEC | 1);
    if (!strcmp(word, "close")) close((int)argument);
    if (!strcmp(word, "drop")) madvise(at, argument << 20, MADV_DONTNEED);
    if (!strcmp(word, "work")) work = argument;
    if (!strcmp(word, "touch")) {
      for (size_t i = 0; i < pages; i++) {
        if (next_random() % 1000 < argument) at[i * PAGE + next_random() % PAGE]++, answer++;
      }
    }
    if (!strcmp(word, "pages")) {
      for (; answer < argument; answer++) at[next_random() % pages * PAGE]++;
    }
    if (!strcmp(word, "loop")) {
      const double end = now() + (double)argument;
      volatile uint64_t sum = 0;
      do {
        for (int step = 0; step < 64; step++, answer++) {
          uint64_t* to = (uint64_t*)(at + next_random() % pages * PAGE + next_random() % 31 * 128);
          for (int i = 0; i < 16; i++) to[i] += state + (uint64_t)i;
          for (unsigned long i = 0; i < work; i++) sum = sum * 31 + to[i % 16];
        }
      } while (now() < end);
    }
    printf("%lu\n", answer);
    fflush(stdout);
  }
  return 0;
}
