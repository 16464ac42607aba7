// Stands in for the keeper: a process that holds a pidfd of the agent (argv[1]) at a fixed number, blocks all signals
// but SIGTRAP, says so, and pauses.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int fd = (int)syscall(SYS_pidfd_open, atoi(argv[1]), 0);
  if (fd < 0 || dup2(fd, 500) != 500) return 1;
  sigset_t mask;
  sigfillset(&mask);
  sigdelset(&mask, SIGTRAP);
  sigprocmask(SIG_SETMASK, &mask, NULL);
  puts("ready");
  fflush(stdout);
  close(fd);
  for (;;) pause();
}
