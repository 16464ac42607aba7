// spawns [pause in microseconds | lend milliseconds | lend told]: programs are started all the time, as shells, servers and build tools start them: posix_spawn, popen
// and system of glibc (clone with CLONE_VM and CLONE_VFORK), and vfork(2) with a child that takes its time before it executes a program
// or ends. Until then the parent waits inside the kernel, where nothing can stop it, and both have one memory. A process
// beside them waits in epoll_wait, which nothing may interrupt.
// @family Process tree
// @always-moving
// @claim spawned tree.spawn
// @claim vforked calls.vfork
// @claim undisturbed tree.spawn
#include <pthread.h>
#include <spawn.h>
#include <sys/epoll.h>

#include "workload.h"

static long pause_us = 1000;
static uint64_t spawned, vforked;

static int end_of(pid_t pid) {
  int status;
  EXPECT("the child", pid, MUST(waitpid(pid, &status, 0)));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void spawn_one(uint64_t seed) {
  char number[24];
  pid_t pid;
  int wanted = (int)(seed % 200);
  snprintf(number, sizeof number, "%d", wanted);
  char* args[] = {"child", number, NULL};
  MUST0(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ));
  EXPECT("end of a spawned program", wanted, end_of(pid));
}
static void popen_one(uint64_t seed) {
  char command[64], line[64] = "", wanted[64];
  snprintf(command, sizeof command, "echo %llu", (unsigned long long)seed);
  snprintf(wanted, sizeof wanted, "%llu\n", (unsigned long long)seed);
  FILE* pipe = popen(command, "re");
  if (pipe == NULL) fail("popen: expected success got %s", strerror(errno));
  if (fgets(line, sizeof line, pipe) == NULL) fail("popen: expected a line got none");
  EXPECT_TEXT("output of a command", wanted, line);
  EXPECT("end of a command", 0, MUST(pclose(pipe)));
}
static void system_one(uint64_t seed) {
  char command[32];
  snprintf(command, sizeof command, "exit %d", (int)(seed % 100));
  EXPECT("system", (int)(seed % 100) << 8, MUST(system(command)));
}
static void vfork_one(uint64_t seed) {
  static volatile uint64_t note_of_child;
  char* args[] = {"child", "77", NULL};
  struct timespec nap = {.tv_nsec = (long)(mix(seed) % 4000000)};
  pid_t self = getpid(), pid = vfork();
  if (pid == 0) {
    if (seed % 2 == 0) syscall(SYS_nanosleep, &nap, NULL);
    note_of_child = seed;
    if (seed % 3 == 0) _exit(78);
    execve("/proc/self/exe", args, environ);
    _exit(79);
  }
  MUST(pid);
  EXPECT("the parent", self, getpid());
  EXPECT("what the child of vfork wrote", (long long)seed, (long long)note_of_child);
  EXPECT("end of the child of vfork", seed % 3 == 0 ? 78 : 77, end_of(pid));
}

// The child of vfork keeps the memory for so many milliseconds (negative: until it is killed), then it executes a program that pauses.
// The child executes a program after so long, or when it is told on its standard input; negative: never.
static int lend(const char* until) {
  char* args[] = {"child", "pause", NULL};
  char told;
  long ms = atol(until);
  struct timespec nap = {ms / 1000, ms % 1000 * 1000000};
  say_ready();
  pid_t pid = vfork();
  if (pid == 0) {
    if (strcmp(until, "told") == 0) syscall(SYS_read, STDIN_FILENO, &told, 1);
    else syscall(ms < 0 ? SYS_pause : SYS_nanosleep, &nap, NULL);
    execve("/proc/self/exe", args, environ);
    _exit(79);
  }
  for (;;) pause();
}

static void* spawn_thread(void* unused) {
  for (uint64_t seed = 0; !stop_wanted; seed++) {
    spawn_one(seed);
    if (seed % 5 == 1) popen_one(seed);
    if (seed % 7 == 2) system_one(seed);
    spawned++;
    if (pause_us > 0) usleep((useconds_t)pause_us);
  }
  return unused;
}
// Ends with 88 when it was not disturbed. glibc keeps signals away from a thread that spawns, so that SIGCHLD may go to another thread
// of its process, as it does when nobody migrates anything: hence a process of its own.
static void watch(int until) {
  struct epoll_event event = {.events = EPOLLIN};
  signal(SIGUSR1, SIG_IGN);
  int epoll = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, until, &event));
  for (;;) {
    int events = epoll_wait(epoll, &event, 1, 50);
    if (events != 0) _exit(events == 1 ? 88 : errno);
  }
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "pause") == 0) return pause();
  if (argc == 2 && strcmp(argv[0], "child") == 0) return atoi(argv[1]);
  if (argc == 3 && strcmp(argv[1], "lend") == 0) return lend(argv[2]);
  if (argc > 1) pause_us = atol(argv[1]);
  listen_for_stop();
  sigset_t stop;
  sigemptyset(&stop), sigaddset(&stop, SIGUSR1);
  pthread_t thread;
  int until[2];
  MUST(pipe2(until, O_CLOEXEC));
  pid_t watcher = (pid_t)MUST(fork());
  if (watcher == 0) close(until[1]), watch(until[0]);
  pthread_sigmask(SIG_BLOCK, &stop, NULL);  // it comes to the main thread alone
  MUST0(pthread_create(&thread, NULL, spawn_thread, NULL));
  pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
  say_ready();
  for (uint64_t seed = 0; !stop_wanted; seed++) {
    vfork_one(seed);
    vforked++;
    if (pause_us > 0) usleep((useconds_t)pause_us);
  }
  MUST0(pthread_join(thread, NULL));
  close(until[1]);
  PROVE("undisturbed", 88, end_of(watcher));
  EXPECT("no more children", -1, waitpid(-1, NULL, 0));
  PROVE("vforked", 1, vforked > 10);
  PROVE("spawned", 1, spawned > 10);
  return say_ok();
}
