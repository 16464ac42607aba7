// leaves [family]: a process and its child with one memory (CLONE_VM), which is rewritten all the time; upon SIGUSR2 the child leaves it by executing
// a program. With `family` that has a child of its own. Says "ready" with the PID of the child, and with SIGUSR1 to the first "ok" when its memory is as it wrote it.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { pages = 64 * 256, words = 512 };
static volatile sig_atomic_t stop;
static void on_stop(int signal) { stop = signal; }

static int child(void* family) {
  sigset_t set;
  int signal;
  if (family != NULL && syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == 0)
    for (;;) pause();
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  if (sigwait(&set, &signal) != 0) return 1;
  execl("/bin/sleep", "sleep", "1000", (char*)NULL);
  return 1;
}

int main(int argc, char** argv) {
  static char stack[65536];
  uint64_t* memory =
      mmap(NULL, (size_t)pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  struct sigaction action = {.sa_handler = on_stop};
  if (memory == MAP_FAILED || sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
      sigaction(SIGUSR1, &action, NULL) != 0)
    return 2;
  int pid = clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, argc > 1 ? argv[1] : NULL);
  if (pid == -1 || printf("ready %d\n", pid) < 0 || fflush(stdout) != 0) return 2;
  uint64_t round = 0;
  while (!stop) {
    round++;
    for (int i = 0; i < pages; i++) memory[i * words + (int)(round % words)] = round + (uint64_t)i;
  }
  for (int i = 0; i < pages; i++)
    if (memory[i * words + (int)(round % words)] != round + (uint64_t)i) return 3;
  return write(1, "ok\n", 3) == 3 ? 0 : 2;
}
