// One memory behind several processes that are no threads of each other (CLONE_VM), over two generations and with signal handlers in
// common (CLONE_SIGHAND): what one writes or maps after the move the others have at once; a fork of one of them has a copy of its own.
// @family Process tree
// @directory
// @claim written-by-child tree.clone-vm
// @claim written-by-grandchild tree.clone-vm
// @claim mapped-later tree.clone-vm
// @claim one-memory tree.clone-vm
// @claim content tree.clone-vm
// @claim own-descriptors tree.clone-vm
// @claim handlers tree.clone-vm
// @claim own-handlers tree.clone-vm
// @claim forked tree.clone-vm
#include <linux/futex.h>
#include <linux/kcmp.h>
#include <sched.h>

#include "workload.h"

enum { stack_bytes = 64 * 1024, page = 4096, ballast_bytes = 1 << 20 };
typedef enum { do_write, do_map, do_open, do_handle, do_reap } Deed;

struct member {
  _Atomic uint32_t turn;  // 0 nobody's, 1 the member's, 2 the answer is there
  Deed deed;
  int64_t order, answer;
  pid_t pid;
  struct member* bears;
  unsigned long flags;
  char stack[stack_bytes] __attribute__((aligned(64)));
};
static struct member child, grandchild, kin;
static int64_t word;
static pid_t forked;
static int go[2];
static char ballast[ballast_bytes];

// All of them have one errno: a system call that may fail goes around it.
static long raw(long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}
static void await_turn(_Atomic uint32_t* turn, uint32_t wanted) {
  for (uint32_t now = *turn; now != wanted; now = *turn)
    raw(SYS_futex, (long)turn, FUTEX_WAIT_PRIVATE, now, 0);
}
static void give_turn(_Atomic uint32_t* turn, uint32_t next) {
  *turn = next;
  raw(SYS_futex, (long)turn, FUTEX_WAKE_PRIVATE, 1, 0);
}

static void on_usr2(int signal) { (void)signal; }

static int64_t act(Deed deed, int64_t order) {
  int status = -1;
  struct sigaction action = {.sa_handler = on_usr2};
  switch (deed) {
    case do_write: return word = order;
    case do_map: {
      char* at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      fill_pattern(at, page, (uint64_t)order);
      return (int64_t)(intptr_t)at;
    }
    case do_open: return raw(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY, 0);
    case do_handle: return sigaction(SIGUSR2, &action, NULL);
    default:
      raw(SYS_write, go[1], (long)"x", 1, 0);
      return raw(SYS_wait4, forked, (long)&status, __WALL, 0) == forked ? status : -1;
  }
}

__attribute__((noreturn)) static int serve(void* argument);
static void bear(struct member* member) {
  member->pid = (pid_t)MUST(clone(serve, member->stack + stack_bytes, member->flags | SIGCHLD, member));
}

// A fork has the memory as it was when it was born.
static void fork_off(void) {
  pid_t pid = (pid_t)raw(SYS_clone, SIGCHLD, 0, 0, 0);
  if (pid != 0) {
    forked = pid;
    return;
  }
  char byte;
  while (raw(SYS_read, go[0], (long)&byte, 1, 0) != 1) continue;
  raw(SYS_exit_group, word == 1 ? 0 : 1, 0, 0, 0);
}

__attribute__((noreturn)) static int serve(void* argument) {
  struct member* self = argument;
  if (self->bears != NULL) {
    bear(self->bears);
    fork_off();
  }
  give_turn(&self->turn, 2);
  for (;;) {
    await_turn(&self->turn, 1);
    self->answer = act(self->deed, self->order);
    give_turn(&self->turn, 2);
  }
}
static int64_t ask(struct member* member, Deed deed, int64_t order) {
  await_turn(&member->turn, 2);
  member->deed = deed, member->order = order;
  give_turn(&member->turn, 1);
  await_turn(&member->turn, 2);
  return member->answer;
}

static void work_together(void) {
  static int64_t round = 1;
  struct member* const by[] = {&child, &grandchild, &kin};
  round++;
  EXPECT("what a member answers", round, ask(by[round % 3], do_write, round));
  EXPECT("what a member has written", round, word);
  char* at = (char*)(intptr_t)ask(by[(round + 1) % 3], do_map, round);
  check_pattern("what a member has mapped", at, page, (uint64_t)round);
  MUST(munmap(at, page));
}

static int same(int what, pid_t other) { return (int)MUST(syscall(SYS_kcmp, getpid(), other, what, 0, 0)); }

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  listen_for_stop();
  MUST(chdir(argv[1]));
  MUST(pipe(go));
  fill_pattern(ballast, ballast_bytes, 3);
  word = 1;
  child.flags = grandchild.flags = CLONE_VM;
  child.bears = &grandchild;
  kin.flags = CLONE_VM | CLONE_SIGHAND;
  bear(&child);
  bear(&kin);
  await_turn(&child.turn, 2);
  await_turn(&grandchild.turn, 2);
  await_turn(&kin.turn, 2);
  motion = work_together;
  say_ready();
  wait_for_stop();

  ask(&child, do_write, 1001);
  PROVE("written-by-child", 1001, word);
  ask(&grandchild, do_write, 1002);
  PROVE("written-by-grandchild", 1002, word);
  claim("mapped-later");
  check_pattern("mapped by the grandchild", (char*)(intptr_t)ask(&grandchild, do_map, 8), page, 8);
  check_pattern("mapped by the kin", (char*)(intptr_t)ask(&kin, do_map, 9), page, 9);
  claim("content");
  check_pattern("memory of all", ballast, ballast_bytes, 3);
  PROVE("one-memory", 0, same(KCMP_VM, child.pid) | same(KCMP_VM, grandchild.pid) | same(KCMP_VM, kin.pid));
  int fd = (int)ask(&child, do_open, 0);
  PROVE("own-descriptors", -EBADF, fcntl(fd, F_GETFD) == -1 ? -errno : 0);
  struct sigaction action;
  MUST(sigaction(SIGUSR2, NULL, &action));
  EXPECT("handlers before", 1, action.sa_handler == SIG_DFL);
  ask(&child, do_handle, 0);
  MUST(sigaction(SIGUSR2, NULL, &action));
  PROVE("own-handlers", 1, action.sa_handler == SIG_DFL);
  ask(&kin, do_handle, 0);
  MUST(sigaction(SIGUSR2, NULL, &action));
  PROVE("handlers", 1, action.sa_handler == on_usr2 && same(KCMP_SIGHAND, kin.pid) == 0);
  PROVE("forked", 0, ask(&child, do_reap, 0));
  MUST(kill(grandchild.pid, SIGKILL));
  MUST(kill(child.pid, SIGKILL));
  MUST(kill(kin.pid, SIGKILL));
  return say_ok();
}
