// removed-directory DIRECTORY: a directory that was removed is still where two processes work, and is open; another one is only open.
// @family Files
// @directory
// @claim removed-cwd files.cwd-deleted
// @claim removed-name files.cwd-deleted
// @claim removed-empty files.cwd-deleted
// @claim removed-same files.cwd-deleted
// @claim removed-shared files.cwd-deleted
// @claim removed-mode files.cwd-deleted
// @claim removed-left files.cwd-deleted
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "workload.h"

static int pipes[2][2];

// Tells the inode that it works in when it is asked.
static void serve(void) {
  char question;
  close(pipes[0][1]);
  for (;;) {
    ssize_t got = read(pipes[0][0], &question, 1);
    if (got == -1 && errno == EINTR) continue;
    if (got <= 0) _exit(0);
    struct stat here;
    MUST(stat(".", &here));
    MUST(write(pipes[1][1], &here.st_ino, sizeof here.st_ino));
  }
}

static int entries(int fd) {
  int found = 0;
  DIR* directory = fdopendir(dup(fd));
  if (directory == NULL) return -1;
  errno = 0;
  while (readdir(directory) != NULL) found++;
  closedir(directory);
  return found;
}

static void look_around(void) {
  char path[256];
  EXPECT("no path", 1, getcwd(path, sizeof path) == NULL && errno == ENOENT);
}

int main(int argc, char** argv) {
  char path[300], was[256], name[300];
  if (argc < 2) return 2;
  listen_for_stop();
  snprintf(path, sizeof path, "%s/other", argv[1]);
  MUST(mkdir(path, 0711));
  int other = (int)MUST(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  MUST(rmdir(path));
  snprintf(path, sizeof path, "%s/removed", argv[1]);
  MUST(mkdir(path, 0750));
  MUST(chdir(path));
  if (getcwd(was, sizeof was) == NULL) return 3;
  int own = (int)MUST(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int named = (int)MUST(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 2; i++) MUST(pipe(pipes[i]));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) serve();
  MUST(rmdir(path));
  motion = look_around;
  say_ready();
  wait_for_stop();
  claim("removed-cwd");
  look_around();
  EXPECT("nothing is made in it", 1, open("a file", O_CREAT | O_RDWR, 0600) == -1 && errno == ENOENT);
  claim("removed-name");
  ssize_t length = readlink("/proc/self/cwd", name, sizeof name - 1);
  name[length < 0 ? 0 : length] = 0;
  snprintf(path, sizeof path, "%s (deleted)", was);
  EXPECT_TEXT("its name", path, name);
  PROVE("removed-empty", 0, entries(own) + entries(other));
  struct stat here, open_one, by_path, other_one;
  MUST(stat(".", &here));
  MUST(fstat(own, &open_one));
  MUST(fstat(named, &by_path));
  MUST(fstat(other, &other_one));
  claim("removed-same");
  EXPECT("the open one", (long long)here.st_ino, (long long)open_one.st_ino);
  EXPECT("the one by its path", (long long)here.st_ino, (long long)by_path.st_ino);
  EXPECT("not the other one", 0, here.st_ino == other_one.st_ino);
  ino_t seen = 0;
  MUST(write(pipes[0][1], "?", 1));
  EXPECT("answer", sizeof seen, MUST(read(pipes[1][0], &seen, sizeof seen)));
  PROVE("removed-shared", (long long)here.st_ino, (long long)seen);
  PROVE("removed-mode", 0750 * 01000 + 0711, (here.st_mode & 0777) * 01000 + (other_one.st_mode & 0777));
  claim("removed-left");
  MUST(fchdir(other));
  MUST(chdir(argv[1]));
  int parent = (int)MUST(open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT("nothing but itself and its parent is left in it", 2, entries(parent));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return say_ok();
}
