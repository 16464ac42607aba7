// Working directory, root and umask that processes share by CLONE_FS: what one changes after the move the others must see, over two
// generations, also with a root of their own; a process that has left them (unshare) must see nothing of it.
// @family Process tree
// @directory
// @root
// @claim shared-cwd tree.clone-fs
// @claim shared-umask tree.clone-fs
// @claim shared-root tree.clone-fs
// @claim left tree.clone-fs
#include <sched.h>
#include <sys/stat.h>

#include "workload.h"

enum { path_size = 256 };
struct look {
  char cwd[path_size];
  mode_t mask;
};
struct member {
  pid_t pid;
  int ask[2], answer[2];
};

static struct member child, grandchild, rooted, stranger;
static struct member* const all[] = {&child, &grandchild, &rooted, &stranger};

static pid_t clone_with(unsigned long flags) {
  return (pid_t)MUST(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
}

// Answers what it sees; a path that it is sent it changes to first, and takes another umask.
static void serve(struct member* self, mode_t mask) {
  char path[path_size];
  signal(SIGUSR1, SIG_IGN);
  for (int i = 0; i < 4; i++) close(all[i]->ask[1]);  // so that its end is seen when the first process ends
  for (;;) {
    ssize_t got = read(self->ask[0], path, sizeof path);
    if (got == -1 && errno == EINTR) continue;
    if (got <= 0) _exit(0);
    if (path[0] != 0) MUST(chdir(path)), umask(mask);
    struct look look = {.mask = umask(0)};
    umask(look.mask);
    if (getcwd(look.cwd, sizeof look.cwd) == NULL) _exit(3);
    MUST(write(self->answer[1], &look, sizeof look));
  }
}
static struct look ask(struct member* member, const char* path) {
  char text[path_size] = "";
  struct look look;
  snprintf(text, sizeof text, "%s", path);
  MUST(write(member->ask[1], text, sizeof text));
  EXPECT("an answer", sizeof look, MUST(read(member->answer[0], &look, sizeof look)));
  return look;
}
static void open_ways(struct member* member) {
  MUST(pipe(member->ask));
  MUST(pipe(member->answer));
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  listen_for_stop();
  MUST(chdir(argv[1]));
  const char* names[] = {"start", "one", "two", "jail", "jail/inside", "jail/cell"};
  for (int i = 0; i < 6; i++) MUST(mkdir(names[i], 0755));
  MUST(chdir("start"));
  umask(027);
  for (int i = 0; i < 4; i++) open_ways(all[i]);
  int born[2];
  MUST(pipe(born));
  child.pid = clone_with(CLONE_FS);
  if (child.pid == 0) {
    if (clone_with(CLONE_FS) == 0) MUST(write(born[1], "g", 1)), serve(&grandchild, 011);
    serve(&child, 022);
  }
  stranger.pid = clone_with(CLONE_FS);
  if (stranger.pid == 0) {
    MUST(unshare(CLONE_FS));
    MUST(write(born[1], "s", 1));
    serve(&stranger, 0);
  }
  pid_t jailer = clone_with(0);
  if (jailer == 0) {  // it has a root of its own, and shares that with its child
    MUST(chroot("../jail"));
    MUST(chdir("/inside"));
    if (clone_with(CLONE_FS) == 0) MUST(write(born[1], "r", 1)), serve(&rooted, 033);
    char path[path_size];
    signal(SIGUSR1, SIG_IGN);
    while (getcwd(path, sizeof path) != NULL && strcmp(path, "/cell") != 0) usleep(1000);
    _exit(mkdir("made", 0777) == 0 ? 55 : 56);
  }
  char byte;
  for (int i = 0; i < 3; i++) MUST(read(born[0], &byte, 1));
  say_ready();
  wait_for_stop();

  char one[path_size], two[path_size], here[path_size], start[path_size];
  snprintf(one, sizeof one, "%s/one", argv[1]);
  snprintf(two, sizeof two, "%s/two", argv[1]);
  snprintf(start, sizeof start, "%s/start", argv[1]);
  struct look at_one = ask(&grandchild, one), seen_by_child = ask(&child, "");
  bool same = getcwd(here, sizeof here) != NULL && strcmp(here, one) == 0 &&
              strcmp(seen_by_child.cwd, one) == 0 && strcmp(at_one.cwd, one) == 0;
  MUST(chdir(two));
  same = same && strcmp(ask(&grandchild, "").cwd, two) == 0 && strcmp(ask(&child, "").cwd, two) == 0;
  PROVE("shared-cwd", 1, same);
  EXPECT("umask of the grandchild", 011, at_one.mask);
  EXPECT("umask of the child", 011, seen_by_child.mask);
  PROVE("shared-umask", 011, umask(044));
  EXPECT("umask of the child afterwards", 044, ask(&child, "").mask);
  struct look far = ask(&stranger, "");
  PROVE("left", 1, strcmp(far.cwd, start) == 0 && far.mask == 027);
  struct look cell = ask(&rooted, "/cell");
  EXPECT_TEXT("in the cell", "/cell", cell.cwd);
  int status;
  MUST(waitpid(jailer, &status, 0));
  struct stat made;
  snprintf(here, sizeof here, "%s/jail/cell/made", argv[1]);
  PROVE("shared-root", 55, WEXITSTATUS(status));
  EXPECT("mode of what it made there", 0777 & ~033,
         MUST(stat(here, &made)) == 0 ? (int)(made.st_mode & 0777) : -1);
  return say_ok();
}
