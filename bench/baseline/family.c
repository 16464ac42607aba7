/* Processes that do nothing, with memory each: usage: family PROCESSES KIB-OF-EACH, the parent counted. "ready" when all of it is written. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void fill(size_t bytes, int who) {
  unsigned long state = 88172645463325252UL + (unsigned long)who;
  unsigned long* words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (words == MAP_FAILED) exit(1);
  madvise(words, bytes, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < bytes / sizeof *words; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    words[i] = state;
  }
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int processes = atoi(argv[1]);
  const size_t bytes = strtoul(argv[2], NULL, 10) << 10;
  int full[2];
  if (pipe(full)) return 1;
  for (int i = 1; i < processes; i++) {
    const pid_t child = fork();
    if (child < 0) return 1;
    if (child > 0) continue;
    fill(bytes, i);
    close(full[0]);
    if (write(full[1], "f", 1) != 1) _exit(1);
    close(full[1]);
    for (;;) pause();
  }
  fill(bytes, 0);
  close(full[1]);
  for (char byte; read(full[0], &byte, 1) > 0;) continue;
  close(full[0]);
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
