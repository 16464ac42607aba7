// Signals: every action with flags and mask, the blocked set, pending ones of the process and of one thread with their values in
// order, the alternate stack, a signalfd with something in it, ignored ones.
// @family Signals
// @claim blocked signals.masks
// @claim actions signals.handlers
// @claim pending-thread signals.private
// @claim queue signals.queue
// @claim pending-process signals.shared
// @claim signalfd signals.signalfd
// @claim other-thread threads.signals
// @claim alternate-stack signals.altstack
// @claim value signals.handlers
// @claim ignored signals.ignored
#include <pthread.h>
#include <sys/signalfd.h>
#include <ucontext.h>

#include "workload.h"

static char* alt_base;
static volatile int on_alt, values;
static struct sigaction before[65];
static pid_t other_tid;
static _Atomic bool check_now;

static void handler(int signal, siginfo_t* info, void* context) {
  (void)context;
  char here;
  if (signal == SIGRTMIN + 10) on_alt = &here >= alt_base && &here < alt_base + 65536;
  if (signal == SIGRTMIN + 11) values += info->si_value.sival_int;
}

static void queue_to(pid_t tid, int signal, int value) {
  siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE, .si_pid = getpid(), .si_uid = getuid()};
  info.si_value.sival_int = value;
  MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signal, &info));
}

static void expect_queued(int signal, int code, int value) {
  sigset_t set;
  siginfo_t info;
  struct timespec at_once = {0};
  sigemptyset(&set);
  sigaddset(&set, signal);
  EXPECT("pending signal", signal, sigtimedwait(&set, &info, &at_once));
  EXPECT("its code", code, info.si_code);
  EXPECT("its sender", getpid(), info.si_pid);
  if (code == SI_QUEUE) EXPECT("its value", value, info.si_value.sival_int);
}

static void* other(void* arg) {  // has its own mask and its own pending signals
  sigset_t set, mask;
  (void)arg;
  sigfillset(&set);
  sigdelset(&set, SIGUSR2);
  MUST0(pthread_sigmask(SIG_SETMASK, &set, NULL));
  MUST0(pthread_sigmask(SIG_SETMASK, NULL, &mask));  // glibc keeps two for itself
  other_tid = (pid_t)syscall(SYS_gettid);
  while (!check_now) usleep(1000);
  for (int i = 0; i < 3; i++) expect_queued(SIGRTMIN + 3, SI_QUEUE, 30 + i);
  MUST0(pthread_sigmask(SIG_SETMASK, NULL, &set));
  for (int i = 1; i < 65; i++) EXPECT("mask of the thread", sigismember(&mask, i), sigismember(&set, i));
  return NULL;
}

int main(void) {
  listen_for_stop();
  alt_base = malloc(65536);
  stack_t stack = {.ss_sp = alt_base, .ss_size = 65536}, got;
  MUST(sigaltstack(&stack, NULL));
  for (int i = SIGRTMIN + 5; i <= SIGRTMAX; i++) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    if (i % 2) action.sa_flags |= SA_NODEFER;
    if (i % 3 == 0) action.sa_flags |= SA_RESETHAND;
    if (i == SIGRTMIN + 10) action.sa_flags |= SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGRTMIN + i % 20);
    MUST(sigaction(i, &action, NULL));
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGWINCH, SIG_IGN);
  struct sigaction child = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP | SA_NOCLDWAIT};
  MUST(sigaction(SIGCHLD, &child, NULL));
  sigset_t blocked, now, pending;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  for (int i = 0; i < 5; i++) sigaddset(&blocked, SIGRTMIN + i);
  pthread_t thread;
  MUST0(pthread_sigmask(SIG_SETMASK, &blocked, NULL));
  MUST0(pthread_create(&thread, NULL, other, NULL));
  while (other_tid == 0) usleep(1000);

  queue_to((pid_t)syscall(SYS_gettid), SIGUSR2, 5);  // would go to the other thread if it were the process's
  for (int i = 0; i < 5; i++) MUST(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 10 + i}));
  MUST(kill(getpid(), SIGRTMIN + 2));
  queue_to((pid_t)syscall(SYS_gettid), SIGRTMIN + 2, 22);
  for (int i = 0; i < 3; i++) queue_to(other_tid, SIGRTMIN + 3, 30 + i);
  sigset_t by_fd;
  sigemptyset(&by_fd);
  sigaddset(&by_fd, SIGRTMIN + 4);
  int fd = signalfd(-1, &by_fd, SFD_NONBLOCK | SFD_CLOEXEC);
  MUST(fd);
  MUST(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){.sival_int = 44}));
  for (int i = 1; i < 65; i++) sigaction(i, NULL, &before[i]);
  say_ready();
  wait_for_stop();

  sigprocmask(SIG_SETMASK, NULL, &now);
  int wrong = 0;
  for (int i = 1; i < 65; i++) wrong += sigismember(&blocked, i) != sigismember(&now, i);
  PROVE("blocked", 0, wrong);
  claim("actions");
  MUST(sigpending(&pending));
  for (int i = 1; i < 65; i++) {
    struct sigaction action;
    if (sigaction(i, NULL, &action) == -1) continue;
    char what[32];
    snprintf(what, sizeof what, "action of signal %d", i);
    EXPECT(what, (intptr_t)before[i].sa_sigaction, (intptr_t)action.sa_sigaction);
    EXPECT(what, before[i].sa_flags, action.sa_flags);
    for (int j = 1; j < 65; j++)
      EXPECT(what, sigismember(&before[i].sa_mask, j), sigismember(&action.sa_mask, j));
  }
  claim("pending-thread");
  expect_queued(SIGUSR2, SI_QUEUE, 5);
  claim("queue");
  for (int i = 0; i < 5; i++) expect_queued(SIGRTMIN + 1, SI_QUEUE, 10 + i);
  claim("pending-process");
  expect_queued(SIGRTMIN + 2, SI_QUEUE, 22);  // a thread's own come first
  expect_queued(SIGRTMIN + 2, SI_USER, 0);
  claim("signalfd");
  struct signalfd_siginfo info;
  EXPECT("signalfd", sizeof info, MUST(read(fd, &info, sizeof info)));
  EXPECT("its value", 44, info.ssi_int);
  claim("other-thread");
  check_now = true;
  MUST0(pthread_join(thread, NULL));
  MUST(sigpending(&pending));
  for (int i = 1; i < 65; i++) EXPECT("pending at the end", 0, sigismember(&pending, i));
  claim("alternate-stack");
  MUST(sigaltstack(NULL, &got));
  EXPECT("alternate stack", (intptr_t)stack.ss_sp, (intptr_t)got.ss_sp);
  EXPECT("its size", stack.ss_size, got.ss_size);
  EXPECT("its flags", 0, got.ss_flags);
  MUST(raise(SIGRTMIN + 10));
  EXPECT("handler on the alternate stack", 1, on_alt);
  claim("value");
  MUST(sigqueue(getpid(), SIGRTMIN + 11, (union sigval){.sival_int = 7}));
  EXPECT("value for the handler", 7, values);
  claim("ignored");
  MUST(raise(SIGPIPE));
  return say_ok();
}
