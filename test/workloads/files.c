// Regular files: offsets, flags, append, one open shared by dup and by fork, two opens of one file, close-on-exec, holes, gaps
// in the numbers, high numbers. argv[1] is an empty directory. A child shares one offset with its parent across the move.
// @family Files
// @directory
// @claim table files.offset
// @claim gap files.cloexec
// @claim dup files.dup
// @claim append files.append
// @claim fork files.inherited
// @claim devices files.devices
#include <limits.h>
#include <sys/stat.h>

#include "workload.h"

struct expected {
  int fd, flags, cloexec;
  off_t offset;
  ino_t inode;
  char path[PATH_MAX];
};
static struct expected table[64];
static int known;

static void path_of(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = MUST(readlink(link, path, PATH_MAX - 1));
  path[length] = 0;
}
static void remember(int fd) {
  struct stat stat;
  struct expected* e = &table[known++];
  MUST(fstat(fd, &stat));
  *e = (struct expected){.fd = fd,
                         .flags = (int)MUST(fcntl(fd, F_GETFL)),
                         .cloexec = (int)MUST(fcntl(fd, F_GETFD)),
                         .offset = lseek(fd, 0, SEEK_CUR),
                         .inode = stat.st_ino};
  path_of(fd, e->path);
}
static void compare(const struct expected* e) {
  char path[PATH_MAX], what[64];
  struct stat stat;
  snprintf(what, sizeof what, "descriptor %d", e->fd);
  EXPECT(what, e->cloexec, fcntl(e->fd, F_GETFD));
  EXPECT(what, e->flags, fcntl(e->fd, F_GETFL));
  EXPECT(what, e->offset, lseek(e->fd, 0, SEEK_CUR));
  MUST(fstat(e->fd, &stat));
  EXPECT(what, e->inode, stat.st_ino);
  path_of(e->fd, path);
  EXPECT_TEXT(what, e->path, path);
}
static int make(const char* name, int flags) { return (int)MUST(open(name, flags, 0640)); }

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  int a = make("a", O_RDWR | O_CREAT);
  MUST(write(a, "0123456789abcdef", 16));
  MUST(lseek(a, 5, SEEK_SET));
  int shared = (int)MUST(dup(a)), own = make("a", O_RDONLY | O_CLOEXEC), high = (int)MUST(dup2(a, 200));
  MUST(fcntl(shared, F_SETFD, FD_CLOEXEC));
  MUST(lseek(own, 9, SEEK_SET));
  int append = make("log", O_WRONLY | O_CREAT | O_APPEND | O_DSYNC);
  MUST(write(append, "first\n", 6));
  int hole = make("hole", O_RDWR | O_CREAT | O_NONBLOCK | O_NOATIME);
  MUST(lseek(hole, 1 << 20, SEEK_SET));
  MUST(write(hole, "x", 1));
  int gap = make("gap", O_WRONLY | O_CREAT);
  int last = (int)MUST(open("/etc/hostname", O_RDONLY)), null = (int)MUST(open("/dev/null", O_RDWR));
  int zero = (int)MUST(open("/dev/zero", O_RDONLY)), random = (int)MUST(open("/dev/urandom", O_RDONLY));
  int all[] = {0, a, shared, own, high, append, hole, last, null, zero, random};

  int up[2], down[2];
  MUST(pipe(up));
  MUST(pipe(down));
  int common = make("common", O_RDWR | O_CREAT);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    char c;
    close(down[1]);
    while (read(down[0], &c, 1) == 1) {
      MUST(write(common, "child.", 6));  // moves the offset that the parent sees
      MUST(write(up[1], &c, 1));
    }
    _exit(3);
  }
  close(down[0]);
  close(gap);
  MUST(write(common, "parent.", 7));
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) remember(all[i]);
  say_ready();
  wait_for_stop();

  claim("table");
  for (int i = 0; i < known; i++) compare(&table[i]);
  claim("gap");
  EXPECT("the gap", -1, fcntl(gap, F_GETFD));
  char buffer[64] = {0};
  claim("dup");
  EXPECT("read through the dup", 3, MUST(read(shared, buffer, 3)));
  EXPECT_TEXT("content", "567", buffer);
  EXPECT("offset shared by dup", 8, lseek(a, 0, SEEK_CUR));
  EXPECT("offset shared by dup2", 8, lseek(high, 0, SEEK_CUR));
  EXPECT("offset of the other open", 9, lseek(own, 0, SEEK_CUR));
  claim("append");
  int other = make("log", O_WRONLY | O_APPEND);
  MUST(write(other, "second\n", 7));
  MUST(write(append, "third\n", 6));
  int back = make("log", O_RDONLY);
  memset(buffer, 0, sizeof buffer);
  MUST(read(back, buffer, sizeof buffer));
  EXPECT_TEXT("appended", "first\nsecond\nthird\n", buffer);
  claim("fork");
  char c = 'x';
  MUST(write(down[1], &c, 1));
  MUST(read(up[0], &c, 1));
  EXPECT("offset shared with the child", 13, lseek(common, 0, SEEK_CUR));
  MUST(write(common, "end", 3));
  memset(buffer, 0, sizeof buffer);
  MUST(pread(common, buffer, sizeof buffer - 1, 0));
  EXPECT_TEXT("the common file", "parent.child.end", buffer);
  close(down[1]);
  int status;
  EXPECT("the child", child, MUST(waitpid(child, &status, 0)));
  EXPECT("its status", 3 << 8, status);
  claim("devices");
  EXPECT("bytes of /dev/null", 0, MUST(read(null, buffer, 8)));
  EXPECT("bytes of /dev/zero", 8, MUST(read(zero, buffer, 8)));
  EXPECT("bytes of /dev/urandom", 8, MUST(read(random, buffer, 8)));
  return say_ok();
}
