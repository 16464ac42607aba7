// A thread that spends its time in restartable sequences: rseq START END is said, then it spins in [START, END) until SIGTERM. Whenever
// the kernel (or who plays its part) sends it to the abort handler, it enters again.
#define _GNU_SOURCE
#include <linux/rseq.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct rseq area __attribute__((aligned(32)));
extern char section_start[], section_end[], section_abort[];
static struct rseq_cs section __attribute__((aligned(32)));

int main(void) {
  if (syscall(SYS_rseq, &area, sizeof area, 0, 0x53053053) < 0) return perror("rseq"), 2;
  section.start_ip = (uint64_t)section_start;
  section.post_commit_offset = (uint64_t)(section_end - section_start);
  section.abort_ip = (uint64_t)section_abort;
  printf("rseq %lx %lx\n", (unsigned long)section_start, (unsigned long)section_end);
  fflush(stdout);
  __asm__ volatile(
      "  jmp 2f\n"
      "  .long 0x53053053\n"
      ".globl section_abort\nsection_abort:\n"
      "  jmp 2f\n"
      "2: movq %1, %0\n"
      ".globl section_start\nsection_start:\n"
      "1: pause\n"
      "  jmp 1b\n"
      ".globl section_end\nsection_end:\n"
      : "+m"(area.rseq_cs)
      : "r"(&section)
      : "memory");
  return 0;
}
