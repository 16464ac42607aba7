// tree [dead-session]: children in sessions and groups of their own, a group whose leader is dead, zombies with their ends, an orphan
// that came to its subreaper, depth. Each process compares its own IDs and parent when it is told to end.
// @family Process tree
// @claim root tree.pids
// @claim zombies tree.zombies
// @claim families tree.sessions
// @claim no-more tree.orphans
#include <sys/prctl.h>

#include "workload.h"

struct ids {
  pid_t pid, parent, group, session;
};
static struct ids look(void) { return (struct ids){getpid(), getppid(), getpgrp(), getsid(0)}; }
static void compare(const char* who, struct ids was) {
  struct ids is = look();
  char what[64];
  snprintf(what, sizeof what, "%s: PID", who);
  EXPECT(what, was.pid, is.pid);
  snprintf(what, sizeof what, "%s: parent", who);
  EXPECT(what, was.parent, is.parent);
  snprintf(what, sizeof what, "%s: group", who);
  EXPECT(what, was.group, is.group);
  snprintf(what, sizeof what, "%s: session", who);
  EXPECT(what, was.session, is.session);
}

static int gate[2], report[2];  // everybody waits for the gate's end, and reports its PID when it is set up

// Waits until the root closes the gate, compares, ends with `code`.
__attribute__((noreturn)) static void stay(const char* who, int code) {
  char byte;
  prctl(PR_SET_NAME, who);
  pid_t self = getpid();
  close(gate[1]);
  struct ids was = look();
  MUST(write(report[1], &self, sizeof self));
  while (read(gate[0], &byte, 1) == -1 && errno == EINTR) continue;
  char name[16];
  prctl(PR_GET_NAME, name);
  compare(who, was);
  EXPECT_TEXT("name", who, name);
  _exit(code);
}
static pid_t next_report(void) {
  pid_t pid;
  EXPECT("bytes of a report", sizeof pid, MUST(read(report[0], &pid, sizeof pid)));
  return pid;
}

__attribute__((noreturn)) static void deeper(int levels) {
  if (levels == 0) stay("deepest", 60);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) deeper(levels - 1);
  close(gate[1]);
  struct ids was = look();
  int status;
  EXPECT("the deeper one", child, MUST(waitpid(child, &status, 0)));
  EXPECT("its status", 60 << 8, status);
  compare("deeper", was);
  _exit(60);
}

int main(int argc, char** argv) {
  bool dead_session = argc > 1 && strcmp(argv[1], "dead-session") == 0;  // where the orphan stays
  listen_for_stop();
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  MUST(pipe(gate));
  MUST(pipe(report));
  struct ids was = look();
  pid_t child[6];
  int codes[6] = {11, 12, 13, 14, 15, 60};

  if ((child[0] = (pid_t)MUST(fork())) == 0) {  // a session leader with a child in a group of its own
    MUST(setsid());
    pid_t inner = (pid_t)MUST(fork());
    if (inner == 0) {
      MUST(setpgid(0, 0));
      stay("in-session", 21);
    }
    char byte;
    close(gate[1]);
    struct ids leader = look();
    pid_t self = getpid();
    MUST(write(report[1], &self, sizeof self));
    while (read(gate[0], &byte, 1) == -1 && errno == EINTR) continue;
    compare("session leader", leader);
    int status;
    EXPECT("child of the leader", inner, MUST(waitpid(inner, &status, 0)));
    EXPECT("its status", 21 << 8, status);
    _exit(11);
  }
  if ((child[1] = (pid_t)MUST(fork())) == 0) stay("plain", 12);

  pid_t leader = (pid_t)MUST(fork());  // leads a group, then dies and is reaped
  if (leader == 0) {
    MUST(setpgid(0, 0));
    pause();
  }
  setpgid(leader, leader);
  if ((child[2] = (pid_t)MUST(fork())) == 0) {
    MUST(setpgid(0, leader));
    stay("dead-leader", 13);
  }
  pid_t middle = (pid_t)MUST(fork());  // its child becomes an orphan, adopted by the root
  if (middle == 0) {
    if (dead_session) MUST(setsid());
    pid_t orphan = (pid_t)MUST(fork());
    if (orphan == 0) {
      while (getppid() == middle || getppid() != was.pid) usleep(1000);
      stay("orphan", 14);
    }
    _exit(0);
  }
  MUST(waitpid(middle, NULL, 0));
  if ((child[4] = (pid_t)MUST(fork())) == 0) {
    MUST(setpgid(0, 0));
    stay("group", 15);
  }
  if ((child[5] = (pid_t)MUST(fork())) == 0) deeper(10);
  pid_t zombie = (pid_t)MUST(fork());
  if (zombie == 0) _exit(42);
  pid_t killed = (pid_t)MUST(fork());
  if (killed == 0)
    for (;;) pause();
  MUST(kill(killed, SIGKILL));
  siginfo_t info;
  MUST(waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT));
  MUST(waitid(P_PID, (id_t)killed, &info, WEXITED | WNOWAIT));

  child[3] = 0;
  for (int i = 0; i < 7; i++) {  // the orphan is the one that is nobody's direct child
    pid_t pid = next_report();
    bool known = false;
    for (int j = 0; j < 6; j++) known = known || child[j] == pid;
    char path[64], name[16] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    FILE* comm = fopen(path, "re");
    if (comm != NULL && fscanf(comm, "%15s", name) == 1 && !known && strcmp(name, "orphan") == 0)
      child[3] = pid;
    if (comm != NULL) fclose(comm);
  }
  if (child[3] == 0) fail("orphan: expected its report got none");
  MUST(kill(leader, SIGKILL));
  MUST(waitpid(leader, NULL, 0));
  EXPECT("group with a dead leader", leader, getpgid(child[2]));
  say_ready();
  wait_for_stop();

  claim("root");
  was.parent = getppid();  // whoever started the root may be another one on another host
  compare("root", was);
  close(gate[1]);
  int status;
  claim("zombies");
  EXPECT("zombie", zombie, MUST(waitpid(zombie, &status, 0)));
  EXPECT("its status", 42 << 8, status);
  EXPECT("killed zombie", killed, MUST(waitpid(killed, &status, 0)));
  EXPECT("its status", SIGKILL, status);
  claim("families");
  for (int i = 0; i < 6; i++) {
    EXPECT("child", child[i], MUST(waitpid(child[i], &status, 0)));
    EXPECT("its status", codes[i] << 8, status);
  }
  claim("no-more");
  EXPECT("no more children", -1, waitpid(-1, NULL, 0));
  return say_ok();
}
