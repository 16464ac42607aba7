// stopped: children in job-control stop among running ones. One was stopped by SIGSTOP and its parent knows; one by SIGSTOP and
// the parent was not told yet; one by SIGTSTP; one has threads; one sleeps with a limit; one was ended in epoll_wait; the
// last one runs. None may run before SIGCONT, and waitpid tells what it would have told.
// @family Process tree
// @claim told tree.stopped
// @claim stands tree.stopped
// @claim runs tree.stopped
// @claim news tree.stopped
// @claim continues signals.stop
// @claim running-ends tree.stopped
#include <pthread.h>
#include <sys/epoll.h>

#include "workload.h"

enum { kKnown, kNews, kTerminal, kThreads, kSleeper, kPoll, kRunning, kCount };
static const int kSignals[kCount] = {SIGSTOP, SIGSTOP, SIGTSTP, SIGSTOP, SIGSTOP, SIGSTOP, 0};
static volatile uint64_t* ticks;  // shared: one for each child, and for the second thread
static volatile sig_atomic_t continued, children_told;
static void on_continue(int signal) { continued = signal; }
static void on_child(int signal) { children_told += signal != 0; }

static void* spin(void* place) {
  for (volatile uint64_t* tick = place; tick != NULL; usleep(1000)) ++*tick;
  return NULL;
}

__attribute__((noreturn)) static void child(int kind) {
  signal(SIGCONT, on_continue);
  if (kind == kTerminal) MUST(setpgid(0, 0));  // SIGTSTP is ignored in an orphaned group, as the root's is
  if (kind == kThreads) {
    pthread_t thread;
    MUST0(pthread_create(&thread, NULL, spin, (void*)&ticks[kCount]));
  }
  if (kind == kSleeper) {
    ticks[kind]++;
    struct timespec time = {3600, 0};
    nanosleep(&time, NULL);  // the handler of SIGCONT ends it
    _exit(continued == SIGCONT ? 40 + kind : 1);
  }
  if (kind == kPoll) {
    struct epoll_event event;
    int epoll = (int)MUST(epoll_create1(0));
    signal(SIGCONT, SIG_DFL);  // signal(7): epoll_wait ends with EINTR after a stop, although no handler ran
    ticks[kind]++;
    int result = epoll_wait(epoll, &event, 1, -1);
    _exit(result == -1 && errno == EINTR ? 40 + kind : 1);
  }
  while (kind == kRunning ? !stop_wanted : continued == 0) {
    ticks[kind]++;
    usleep(1000);
  }
  _exit(40 + kind);
}

static void await_state(pid_t pid, char wanted) {
  char path[64], state = 0;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  for (int i = 0; i < 5000 && state != wanted; i++, usleep(1000)) {
    FILE* stat = fopen(path, "re");
    if (stat == NULL || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1) fail("%s cannot be read", path);
    fclose(stat);
  }
  EXPECT("state", wanted, state);
}

int main(void) {
  listen_for_stop();
  ticks = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pids[kCount];
  for (int i = 0; i < kCount; i++) {
    if ((pids[i] = (pid_t)MUST(fork())) == 0) child(i);
    while (ticks[i] == 0) usleep(1000);
  }
  while (ticks[kCount] == 0) usleep(1000);
  usleep(20000);  // the sleepers sleep
  int status;
  for (int i = 0; i < kRunning; i++) {
    MUST(kill(pids[i], kSignals[i]));
    if (i == kNews) {
      await_state(pids[i], 'T');
      continue;
    }
    EXPECT("stopped child", pids[i], MUST(waitpid(pids[i], &status, WUNTRACED)));
    EXPECT("its status", kSignals[i] << 8 | 0x7f, status);
  }
  signal(SIGCHLD, on_child);
  uint64_t before[kCount + 1];
  for (int i = 0; i <= kCount; i++) before[i] = ticks[i];
  say_ready();
  wait_for_stop();

  claim("told");
  EXPECT("SIGCHLD of the move", 0, children_told);
  claim("stands");
  for (int i = 0; i < kRunning; i++) {
    await_state(pids[i], 'T');
    EXPECT("ticks of a stopped child", before[i], ticks[i]);
  }
  EXPECT("ticks of a stopped thread", before[kCount], ticks[kCount]);
  claim("runs");
  if (ticks[kRunning] <= before[kRunning]) fail("running child: expected more than %llu ticks got none",
                                                (unsigned long long)before[kRunning]);
  claim("news");
  EXPECT("child that was not told of", pids[kNews], MUST(waitpid(-1, &status, WUNTRACED | WNOHANG)));
  EXPECT("its status", SIGSTOP << 8 | 0x7f, status);
  EXPECT("more news", 0, MUST(waitpid(-1, &status, WUNTRACED | WCONTINUED | WNOHANG)));
  claim("continues");
  for (int i = 0; i < kRunning; i++) {
    MUST(kill(pids[i], SIGCONT));
    EXPECT("ended child", pids[i], MUST(waitpid(pids[i], &status, 0)));
    EXPECT("its status", (40 + i) << 8, status);
  }
  claim("running-ends");
  MUST(kill(pids[kRunning], SIGUSR1));
  EXPECT("running child", pids[kRunning], MUST(waitpid(pids[kRunning], &status, 0)));
  EXPECT("its status", (40 + kRunning) << 8, status);
  return say_ok();
}
