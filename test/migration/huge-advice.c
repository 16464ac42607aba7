// Memory with MADV_HUGEPAGE, some blocks full and some with one written page, and small pages with MADV_NOHUGEPAGE beside it. Says "ready"; with
// SIGUSR1 "ok" when all of it is as it was written.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { page = 4096, block = 2 << 20, blocks = 16, full = 8 };
static volatile sig_atomic_t stop;
static void on_stop(int signal) { stop = signal; }

static unsigned char* map(int advice) {
  unsigned char* at = mmap(NULL, (blocks + 1) * block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED || madvise(at, (blocks + 1) * block, advice) != 0) return NULL;
  return (unsigned char*)(((uintptr_t)at + block - 1) & ~(uintptr_t)(block - 1));
}

// What the page `i` of the memory begins with, 0: it was not written.
static unsigned wanted(int i) {
  const int of_block = i % (block / page);
  return i / (block / page) < full || of_block == 7 ? (unsigned)i * 2654435761u | 1 : 0;
}

int main(void) {
  unsigned char* memory[] = {map(MADV_HUGEPAGE), map(MADV_NOHUGEPAGE)};
  struct sigaction action = {.sa_handler = on_stop};
  if (memory[0] == NULL || memory[1] == NULL || sigaction(SIGUSR1, &action, NULL) != 0) return 2;
  for (int which = 0; which < 2; which++)
    for (int i = 0; i < blocks * (block / page); i++)
      if (wanted(i) != 0) *(unsigned*)(memory[which] + (size_t)i * page) = wanted(i);
  if (puts("ready") < 0 || fflush(stdout) != 0) return 2;
  while (!stop) pause();
  for (int which = 0; which < 2; which++)
    for (int i = 0; i < blocks * (block / page); i++)
      if (*(unsigned*)(memory[which] + (size_t)i * page) != wanted(i)) return 3;
  return write(1, "ok\n", 3) == 3 ? 0 : 2;
}
