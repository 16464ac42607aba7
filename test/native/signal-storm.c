// Sends itself queued signals as fast as it can for so many seconds, counts those that arrive, and says both numbers.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile long arrived;
static void count(int signal) {
  (void)signal;
  arrived++;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long send_for(pid_t to, double seconds) {
  long sent = 0;
  for (double end = now() + seconds; now() < end;) {
    if (sigqueue(to, SIGRTMIN, (union sigval){0}) == 0) sent++;
    if (sent % 4 == 0) usleep(50);  // others want the CPU too; and the queue has an end (RLIMIT_SIGPENDING)
  }
  return sent;
}

int main(int argc, char** argv) {
  struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
  pid_t me = getpid();
  long sent = 0;
  int result[2];
  if (argc < 2 || sigaction(SIGRTMIN, &action, NULL) == -1 || pipe(result) == -1) return 2;
  pid_t sender = fork();
  if (sender == 0) {
    sent = send_for(me, strtod(argv[1], NULL));
    _exit(write(result[1], &sent, sizeof sent) == sizeof sent ? 0 : 1);
  }
  puts("ready");
  fflush(stdout);
  while (waitpid(sender, NULL, 0) == -1) continue;
  if (read(result[0], &sent, sizeof sent) != sizeof sent) return 3;
  for (double end = now() + 5; arrived < sent && now() < end;) usleep(1000);
  printf("%ld %ld\n", sent, arrived);
  return 0;
}
