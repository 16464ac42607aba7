// seccomp: filters in order, one of them logged; a thread with one more; a child that may hardly call anything and is killed
// when it does; a child whose threads share their filters, so that it can add one to all of them.
// @family Rights and limits
// @claim count rights.seccomp-filter
// @claim order rights.seccomp-filter
// @claim no-new-privs rights.seccomp-filter
// @claim thread rights.seccomp-filter
// @claim shared rights.seccomp-filter
// @claim kill rights.seccomp-filter
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "workload.h"

#define LOAD_NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define IF_NOT(number, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, skip)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

static long install(unsigned flags, struct sock_filter* filter, size_t count) {
  struct sock_fprog program = {(unsigned short)count, filter};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
// The call fails with `error` from now on.
static long forbid(unsigned flags, unsigned number, unsigned error) {
  struct sock_filter filter[] = {LOAD_NUMBER, IF_NOT(number, 1), RETURN(SECCOMP_RET_ERRNO | error),
                                 RETURN(SECCOMP_RET_ALLOW)};
  return install(flags, filter, sizeof filter / sizeof *filter);
}
static int error_of(long number) { return syscall(number, 0) == -1 ? errno : 0; }
static int filters_of(void) {
  char path[64], line[256];
  int count = -1;
  snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)syscall(SYS_gettid));
  FILE* status = fopen(path, "re");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) sscanf(line, "Seccomp_filters: %d", &count);
  if (status != NULL) fclose(status);
  return count;
}

static pthread_barrier_t barrier;
static void* bound_more(void* unused) {
  MUST(forbid(0, SYS_getsid, 79));
  int filters = filters_of();
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  EXPECT("filters of the thread", filters, filters_of());
  EXPECT("what only the thread may not", 79, error_of(SYS_getsid));
  EXPECT("what nobody may", 78, error_of(SYS_getppid));
  return unused;
}

__attribute__((noreturn)) static void locked_in(int from, int to) {
  char byte = 'r';
  struct sock_filter filter[] = {
      LOAD_NUMBER, IF_NOT(SYS_read, 1), RETURN(SECCOMP_RET_ALLOW), IF_NOT(SYS_write, 1), RETURN(SECCOMP_RET_ALLOW),
      RETURN(SECCOMP_RET_KILL_PROCESS),
  };
  MUST(install(0, filter, sizeof filter / sizeof *filter));
  for (;;) {
    syscall(SYS_write, to, &byte, 1);
    syscall(SYS_read, from, &byte, 1);
    if (byte == 'x') syscall(SYS_getppid);
  }
}

static void* idle(void* gate) {
  char byte;
  while (read(*(int*)gate, &byte, 1) == -1) continue;
  EXPECT("what the other thread has forbidden", 80, error_of(SYS_getpgrp));
  return NULL;
}
// Adds a filter to both its threads at the end: possible only where they share the ones that they have.
__attribute__((noreturn)) static void in_step(int from, int to) {
  int gate[2];
  char byte = 'r';
  pthread_t other;
  MUST(pipe(gate));
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  MUST(forbid(0, SYS_getsid, 77));
  MUST0(pthread_create(&other, NULL, idle, &gate[0]));
  MUST(write(to, &byte, 1));
  MUST(read(from, &byte, 1));
  EXPECT("thread in the way of TSYNC", 0, MUST(forbid(SECCOMP_FILTER_FLAG_TSYNC, SYS_getpgrp, 80)));
  EXPECT("what both may not", 77, error_of(SYS_getsid));
  EXPECT("no_new_privs", 1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  MUST(write(gate[1], &byte, 1));
  MUST0(pthread_join(other, NULL));
  _exit(9);
}

struct partner {
  pid_t pid;
  int to;
};
static struct partner start(void (*run)(int, int)) {
  int down[2], up[2];
  char byte;
  MUST(pipe(down));
  MUST(pipe(up));
  pid_t pid = (pid_t)MUST(fork());
  if (pid == 0) run(down[0], up[1]);
  EXPECT("bytes of a child that is set up", 1, MUST(read(up[0], &byte, 1)));
  return (struct partner){pid, down[1]};
}
static int end(struct partner partner, const char* word) {
  int status;
  MUST(write(partner.to, word, 1));
  EXPECT("child", partner.pid, MUST(waitpid(partner.pid, &status, 0)));
  return status;
}

int main(void) {
  listen_for_stop();
  bool is_root = geteuid() == 0;
  if (!is_root) MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));  // without CAP_SYS_ADMIN there is no filter without it
  struct partner locked = start(locked_in), step = start(in_step);
  MUST(forbid(0, SYS_getppid, 77));
  MUST(forbid(SECCOMP_FILTER_FLAG_LOG, SYS_getppid, 78));  // of equal results the newest filter's counts
  pthread_t thread;
  MUST0(pthread_barrier_init(&barrier, NULL, 2));
  MUST0(pthread_create(&thread, NULL, bound_more, NULL));
  pthread_barrier_wait(&barrier);
  int filters = filters_of();
  say_ready();
  wait_for_stop();

  claim("count");
  EXPECT("filters", filters, filters_of());
  claim("order");
  EXPECT("result of two filters", 78, error_of(SYS_getppid));
  EXPECT("what the thread alone may not", 0, error_of(SYS_getsid));
  claim("no-new-privs");
  EXPECT("no_new_privs", !is_root, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  claim("thread");
  pthread_barrier_wait(&barrier);
  MUST0(pthread_join(thread, NULL));
  claim("shared");
  EXPECT("end of the one in step", 9 << 8, end(step, "x"));
  claim("kill");
  EXPECT("end of the locked one", SIGSYS, end(locked, "x") & 0x7f);
  return say_ok();
}
