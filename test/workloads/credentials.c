// Rights and limits: user and group IDs, supplementary groups, capabilities, no_new_privs, dumpable, umask, working directory, limits,
// name, environment, personality, nice. argv[1] is an empty directory. Needs root to become what it wants to be.
// @family Rights and limits
// @root
// @directory
// @claim status rights.ids
// @claim limits rights.rlimits
// @claim directories files.cwd
// @claim names memory.proc
// @claim no-new-privs rights.no-new-privs
// @claim dumpable rights.dumpable
// @claim timer-slack threads.slack
// @claim thp-disabled rights.prctl
// @claim death-signal tree.pdeathsig
// @claim personality rights.personality
// @claim nice threads.nice
// @claim umask files.cwd
// @claim no-way-back rights.other-user
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "workload.h"

extern char** environ;

// The lines of a /proc/self file that begin with one of the words.
static void lines_of(const char* path, const char* const* words, char* text, size_t size) {
  FILE* file = fopen(path, "re");
  char line[512];
  text[0] = 0;
  if (file == NULL) fail("%s: expected a file got %s", path, strerror(errno));
  while (fgets(line, sizeof line, file) != NULL) {
    for (const char* const* word = words; *word != NULL; word++) {
      if (strncmp(line, *word, strlen(*word)) == 0 && strlen(text) + strlen(line) < size) strcat(text, line);
    }
  }
  fclose(file);
}

static const char* const status_words[] = {
    "Name:",   "Umask:",  "Uid:",    "Gid:",        "Groups:", "CapInh:", "CapPrm:",
    "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "SigIgn:", NULL};
static const char* const limit_words[] = {"Max ", NULL};

struct seen {
  char status[4096], limits[4096], cwd[PATH_MAX], root[PATH_MAX], exe[PATH_MAX], cmdline[4096],
      environment[4096];
  int no_new_privs, dumpable, keep, death, slack, persona, nice, thp;
};
static struct seen before, after;

static void read_link(const char* path, char* text) { text[MUST(readlink(path, text, PATH_MAX - 1))] = 0; }
static void read_bytes(const char* path, char* text, size_t size) {
  int fd = (int)MUST(open(path, O_RDONLY));
  ssize_t length = MUST(read(fd, text, size - 1));
  for (ssize_t i = 0; i < length; i++)
    if (text[i] == 0) text[i] = ' ';
  close(fd);
}
static void look(struct seen* s) {
  lines_of("/proc/self/status", status_words, s->status, sizeof s->status);
  lines_of("/proc/self/limits", limit_words, s->limits, sizeof s->limits);
  read_link("/proc/self/cwd", s->cwd);
  read_bytes("/proc/self/cmdline", s->cmdline, sizeof s->cmdline);
  s->no_new_privs = (int)MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  s->dumpable = (int)MUST(prctl(PR_GET_DUMPABLE));
  s->slack = (int)MUST(prctl(PR_GET_TIMERSLACK));
  s->thp = (int)MUST(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  MUST(prctl(PR_GET_PDEATHSIG, &s->death));
  s->persona = personality(0xffffffff);
  s->nice = getpriority(PRIO_PROCESS, 0);
  read_link("/proc/self/exe", s->exe);
  read_link("/proc/self/root", s->root);
  read_bytes("/proc/self/environ", s->environment, sizeof s->environment);
}
static void compare(void) {
  claim("status");
  EXPECT_TEXT("status", before.status, after.status);
  claim("limits");
  EXPECT_TEXT("limits", before.limits, after.limits);
  claim("directories");
  EXPECT_TEXT("working directory", before.cwd, after.cwd);
  EXPECT_TEXT("root", before.root, after.root);
  claim("names");
  EXPECT_TEXT("program", before.exe, after.exe);
  EXPECT_TEXT("arguments", before.cmdline, after.cmdline);
  EXPECT_TEXT("environment", before.environment, after.environment);
  claim("no-new-privs");
  EXPECT("no_new_privs", before.no_new_privs, after.no_new_privs);
  claim("dumpable");
  EXPECT("dumpable", before.dumpable, after.dumpable);
  claim("timer-slack");
  EXPECT("timer slack", before.slack, after.slack);
  claim("thp-disabled");
  EXPECT("THP disabled", before.thp, after.thp);
  claim("death-signal");
  EXPECT("parent-death signal", before.death, after.death);
  claim("personality");
  EXPECT("personality", before.persona, after.persona);
  claim("nice");
  EXPECT("nice", before.nice, after.nice);
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  MUST(chmod(argv[1], 0777));
  listen_for_stop();
  umask(037);
  struct rlimit files = {.rlim_cur = 333, .rlim_max = 999}, core = {.rlim_cur = 0, .rlim_max = 1 << 20},
                stack = {5 << 20, 64 << 20};
  MUST(setrlimit(RLIMIT_NOFILE, &files));
  MUST(setrlimit(RLIMIT_CORE, &core));
  MUST(setrlimit(RLIMIT_STACK, &stack));
  MUST(setpriority(PRIO_PROCESS, 0, 3));
  MUST(prctl(PR_SET_NAME, "odd ) (name"));
  MUST(prctl(PR_SET_TIMERSLACK, 123456));
  MUST(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  if (getuid() == 0) {
    gid_t groups[] = {4, 27, 1234, 65000};
    MUST(setgroups(4, groups));
    MUST(prctl(PR_SET_KEEPCAPS, 1));
    MUST(setresgid(1001, 1002, 1003));
    MUST(setresuid(2001, 2002, 2003));
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2] = {{.permitted = 1 << CAP_NET_BIND_SERVICE | 1 << CAP_KILL,
                                              .effective = 1 << CAP_KILL,
                                              .inheritable = 1 << CAP_NET_BIND_SERVICE}};
    MUST(syscall(SYS_capset, &header, caps));
    MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
  }
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  MUST(prctl(PR_SET_DUMPABLE, 1));  // else its own /proc files belong to root
  look(&before);
  say_ready();
  wait_for_stop();
  look(&after);
  compare();
  claim("umask");
  int fd = (int)MUST(open("made", O_WRONLY | O_CREAT, 0777));
  struct stat stat;
  MUST(fstat(fd, &stat));
  EXPECT("mode of a new file", 0740, stat.st_mode & 0777);
  EXPECT("owner of a new file", geteuid(), stat.st_uid);
  claim("no-way-back");
  if (geteuid() != 0) EXPECT("becoming root", -1, setuid(0));
  return say_ok();
}
