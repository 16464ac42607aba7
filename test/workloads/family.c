// Trees of odd shapes: deep and wide, leaders of sessions and groups that have died, adoption by a subreaper, the parent-death signal
// in effect, a child that executes itself again all the time.
// @family Process tree
// @claim deep tree.deep
// @claim wide tree.wide
// @claim dead-session tree.dead-leaders
// @claim dead-group tree.dead-leaders
// @claim adopted tree.orphans
// @claim adopts-later tree.orphans
// @claim parent-death tree.pdeathsig
// @claim exec tree.exec
// @claim exit-signal tree.pids
// @claim zombie-of-child tree.zombies
#include <sys/prctl.h>

#include "workload.h"

enum { levels = 30, width = 40 };
static int gate[2], answers[2],
    up[2];  // all wait for the end of the gate; what they have to say goes to answers

static void wait_gate(void) {
  char byte;
  signal(SIGUSR1, SIG_IGN);
  close(gate[1]);
  MUST(write(up[1], "x", 1));
  while (read(gate[0], &byte, 1) == -1 && errno == EINTR) continue;
}
__attribute__((noreturn)) static void deeper(int left) {
  pid_t self = getpid(), parent = getppid(), child = left > 0 ? (pid_t)MUST(fork()) : 0;
  if (left > 0 && child == 0) deeper(left - 1);
  wait_gate();
  int status = 0;
  if (left > 0 && waitpid(child, &status, 0) != child) _exit(200);
  bool same = getpid() == self && getppid() == parent;
  _exit(same ? (left > 0 ? WEXITSTATUS(status) + 1 : 1) : 250);
}
// argv[0] "again", count, descriptors: executes itself until the gate is closed, and ends with 33.
static int again(char** argv) {
  int count = atoi(argv[1]), in = atoi(argv[2]);
  char next[16], byte;
  signal(SIGUSR1, SIG_IGN);
  fcntl(in, F_SETFL, O_NONBLOCK);
  usleep(20000);
  if (read(in, &byte, 1) == 0) return count > 3 ? 33 : 34;
  snprintf(next, sizeof next, "%d", count + 1);
  execl("/proc/self/exe", "again", next, argv[2], (char*)NULL);
  return 35;
}

static pid_t start(void (*run)(void)) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid == 0) run(), _exit(0);
  return pid;
}
static void wide_one(void) {
  pid_t self = getpid(), parent = getppid();
  wait_gate();
  _exit(self == getpid() && parent == getppid() ? 1 : 2);
}
static pid_t in_group;
// A session whose leader ends while a member stays.
static void leads_session(void) {
  MUST(setsid());
  pid_t leader = getpid();
  if (fork() == 0) {
    while (getppid() == leader) usleep(1000);
    wait_gate();
    bool same = getsid(0) == leader && getpgrp() == leader;
    MUST(write(answers[1], same ? "S" : "s", 1));
    _exit(0);
  }
  _exit(0);
}
static void in_dead_group(void) {
  while (getpgrp() != in_group) usleep(1000);
  wait_gate();
  _exit(getpgrp() == in_group ? 1 : 2);
}
static void leads_group(void) {
  MUST(setpgid(0, 0));
  for (;;) pause();
}
// Its child asks for SIGRTMIN when this one dies, and tells of it.
static void mortal(void) {
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    MUST(prctl(PR_SET_PDEATHSIG, SIGRTMIN));
    wait_gate();
    siginfo_t info;
    struct timespec limit = {.tv_sec = 20};
    MUST(write(answers[1], sigtimedwait(&set, &info, &limit) == SIGRTMIN ? "D" : "d", 1));
    _exit(0);
  }
  wait_gate();
  _exit(0);
}
static void has_zombie(void) {
  pid_t dead = (pid_t)MUST(fork());
  siginfo_t info;
  int status;
  if (dead == 0) _exit(66);
  MUST(waitid(P_PID, (id_t)dead, &info, WEXITED | WNOWAIT));
  wait_gate();
  MUST(waitpid(dead, &status, 0));
  _exit(WEXITSTATUS(status) == 66 ? 1 : 2);
}
static int end_of(pid_t pid) {
  int status;
  MUST(waitpid(pid, &status, 0));
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[0], "again") == 0) return again(argv);
  listen_for_stop();
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  MUST(pipe(gate));
  MUST(pipe(answers));
  MUST(pipe(up));
  pid_t deep = (pid_t)MUST(fork());
  if (deep == 0) deeper(levels);
  pid_t wide[width];
  for (int i = 0; i < width; i++) wide[i] = start(wide_one);
  pid_t leader = start(leads_group);
  setpgid(leader, leader);
  in_group = leader;
  pid_t member = start(in_dead_group);
  MUST(setpgid(member, leader));
  MUST(kill(leader, SIGKILL));
  MUST(waitpid(leader, NULL, 0));
  pid_t session = start(leads_session);
  MUST(waitpid(session, NULL, 0));
  pid_t dying = start(mortal), zombies = start(has_zombie);
  char byte, in_text[16];
  for (int i = 0; i < levels + 1 + width + 1 + 1 + 2 + 1; i++) MUST(read(up[0], &byte, 1));
  int only_exec[2];
  MUST(pipe(only_exec));
  snprintf(in_text, sizeof in_text, "%d", only_exec[0]);
  pid_t exec = (pid_t)MUST(fork());
  if (exec == 0) {
    close(only_exec[1]);
    close(gate[1]);
    execl("/proc/self/exe", "again", "1", in_text, (char*)NULL);
    _exit(36);
  }
  say_ready();
  wait_for_stop();

  close(only_exec[1]);
  PROVE("exec", 33, end_of(exec));
  close(gate[1]);
  PROVE("deep", levels + 1, end_of(deep));
  int good = 0;
  for (int i = 0; i < width; i++) good += end_of(wide[i]) == 1;
  PROVE("wide", width, good);
  PROVE("dead-group", 1, end_of(member));
  PROVE("zombie-of-child", 1, end_of(zombies));
  PROVE("exit-signal", 0, end_of(dying));
  char said[3] = {0};
  MUST(read(answers[0], said, 1));
  MUST(read(answers[0], said + 1, 1));
  PROVE("dead-session", 1, strchr(said, 'S') != NULL);
  PROVE("parent-death", 1, strchr(said, 'D') != NULL);
  int adopted = 0;
  while (waitpid(-1, NULL, 0) > 0) adopted++;
  PROVE("adopted", 2, adopted);  // the member of the dead session, and the child of the mortal one
  pid_t middle = (pid_t)MUST(fork());
  if (middle == 0) {
    if (fork() == 0) {
      while (getppid() == middle) usleep(1000);
      _exit(44);
    }
    _exit(0);
  }
  EXPECT("the one in the middle", 0, end_of(middle));
  int status = 0;
  MUST(waitpid(-1, &status, 0));
  PROVE("adopts-later", 44, WEXITSTATUS(status));
  return say_ok();
}
