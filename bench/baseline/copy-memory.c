/* The least that copying another process's memory costs: process_vm_readv or process_vm_writev in a loop.
 * usage: copy-memory PID ADDRESS LENGTH read|write|scattered; answers CPU-seconds for all of it.
 * scattered: every second page, 256 iovecs a call. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE 4096UL
#define BLOCK (1UL << 20)
#define MANY 256

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const pid_t pid = atoi(argv[1]);
  const unsigned long at = strtoul(argv[2], NULL, 10), length = strtoul(argv[3], NULL, 10);
  static char block[BLOCK] __attribute__((aligned(4096)));
  memset(block, 1, sizeof block);
  struct iovec remote[MANY], local = {block, 0};
  struct timespec a, b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
  for (unsigned long done = 0; done < length;) {
    ssize_t got;
    if (!strcmp(argv[4], "scattered")) {
      for (int i = 0; i < MANY; i++) remote[i] = (struct iovec){(void*)(at + done + 2UL * (unsigned long)i * PAGE), PAGE};
      local.iov_len = MANY * PAGE;
      got = process_vm_readv(pid, &local, 1, remote, MANY, 0);
      done += 2 * MANY * PAGE;
    } else {
      remote[0] = (struct iovec){(void*)(at + done), BLOCK};
      local.iov_len = BLOCK;
      got = argv[4][0] == 'r' ? process_vm_readv(pid, &local, 1, remote, 1, 0)
                              : process_vm_writev(pid, &local, 1, remote, 1, 0);
      done += BLOCK;
    }
    if (got != (ssize_t)local.iov_len) return 1;
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
  printf("%.6f\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
  return 0;
}
