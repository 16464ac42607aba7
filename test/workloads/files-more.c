// More of open files: every status flag, big offsets, direct and synchronous ones, high
// numbers, one pipe or FIFO at both ends, a new file after the move.
// @family Files
// @directory
// @claim append files.flags
// @claim nonblock files.flags
// @claim dsync files.flags
// @claim sync files.flags
// @claim noatime files.flags
// @claim direct files.direct
// @claim read-only files.flags
// @claim write-only files.flags
// @claim large-offset files.offset
// @claim past-the-end files.offset
// @claim hole files.offset
// @claim path-of-directory files.path
// @claim directory-to-stand-in files.path
// @claim directory-start files.directory
// @claim directory-end files.directory
// @claim full-device files.devices
// @claim random-device files.devices
// @claim null-device files.devices
// @claim high-number files.cloexec
// @claim lowest-free files.cloexec
// @claim two-opens files.dup
// @claim truncated-later files.offset
// @claim hard-link files.relinked
// @claim pipe-both-ends pipes.one
// @claim pipe-size pipes.capacity
// @claim pipe-writer-closed pipes.closed
// @claim pipe-reader-closed pipes.closed
#include <dirent.h>
#include <sys/stat.h>

#include "workload.h"

struct flagged {
  const char* claim;
  int flags, fd, was;
};
static struct flagged flagged[] = {
    {.claim = "append", .flags = O_RDWR | O_APPEND},   {.claim = "nonblock", .flags = O_RDWR | O_NONBLOCK},
    {.claim = "dsync", .flags = O_RDWR | O_DSYNC},     {.claim = "sync", .flags = O_RDWR | O_SYNC},
    {.claim = "noatime", .flags = O_RDWR | O_NOATIME}, {.claim = "direct", .flags = O_RDWR | O_DIRECT},
    {.claim = "read-only", .flags = O_RDONLY},         {.claim = "write-only", .flags = O_WRONLY}};
enum { kinds = sizeof flagged / sizeof *flagged };

static int make(const char* name, int flags) { return (int)MUST(open(name, flags | O_CREAT, 0640)); }
static int entries(DIR* dir) {
  int count = 0;
  while (readdir(dir) != NULL) count++;
  return count;
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < kinds; i++) {
    close(make(flagged[i].claim, O_RDWR));
    flagged[i].fd = open(flagged[i].claim, flagged[i].flags);  // not every file system has O_DIRECT
    if (flagged[i].fd == -1) flagged[i].fd = (int)MUST(open(flagged[i].claim, O_RDWR));
    flagged[i].was = (int)MUST(fcntl(flagged[i].fd, F_GETFL));
  }
  int large = make("large", O_RDWR), past = make("past", O_RDWR), hole = make("hole", O_RDWR),
      shrinks = make("shrinks", O_RDWR);
  MUST(lseek(large, 1ll << 40, SEEK_SET));
  MUST(write(past, "abc", 3));
  MUST(lseek(past, 1000, SEEK_SET));
  MUST(pwrite(hole, "end", 3, 1 << 22));
  MUST(write(shrinks, "0123456789", 10));
  MUST(mkdir("dir", 0755));
  for (char name[] = "dir/a"; name[4] <= 'z'; name[4]++) close(make(name, O_RDWR));
  int dir_path = (int)MUST(open("dir", O_PATH | O_DIRECTORY));
  DIR *at_start = opendir("dir"), *at_end = opendir("dir");
  if (at_start == NULL || at_end == NULL) fail("opendir: expected a directory got %s", strerror(errno));
  int all = entries(at_end);
  int full = (int)MUST(open("/dev/full", O_RDWR)), random = (int)MUST(open("/dev/random", O_RDONLY)),
      null = (int)MUST(open("/dev/null", O_RDONLY));
  int both[2], sized[2], no_writer[2], no_reader[2];
  int high = (int)MUST(fcntl(null, F_DUPFD_CLOEXEC, 190));
  int first = make("two", O_RDWR), second = make("two", O_RDWR);
  MUST(write(first, "first", 5));
  int linked = make("linked", O_RDWR);
  MUST(link("linked", "second-name"));
  MUST(pipe(both));
  MUST(write(both[1], "to myself", 9));
  MUST(pipe(sized));
  long capacity = MUST(fcntl(sized[1], F_SETPIPE_SZ, 8192));
  MUST(pipe(no_writer));
  MUST(write(no_writer[1], "z", 1));
  close(no_writer[1]);
  MUST(pipe(no_reader));
  close(no_reader[0]);
  int lowest = (int)MUST(dup(null));
  close(lowest);
  say_ready();
  wait_for_stop();

  for (int i = 0; i < kinds; i++)
    PROVE(flagged[i].claim, flagged[i].was, MUST(fcntl(flagged[i].fd, F_GETFL)));
  PROVE("large-offset", 1ll << 40, lseek(large, 0, SEEK_CUR));
  char buffer[64] = {0};
  claim("past-the-end");
  EXPECT("offset", 1000, lseek(past, 0, SEEK_CUR));
  EXPECT("nothing to read", 0, read(past, buffer, 8));
  PROVE("hole", 1 << 22, lseek(hole, 0, SEEK_DATA));
  struct stat stat;
  PROVE("path-of-directory", 0, fstatat(dir_path, "m", &stat, 0));
  claim("directory-to-stand-in");
  MUST(chdir("/"));
  MUST(fchdir(dir_path));
  char here[4096], there[4096];
  snprintf(there, sizeof there, "%s/dir", argv[1]);
  EXPECT_TEXT("the name of where it went", there, getcwd(here, sizeof here) == NULL ? "none" : here);
  MUST(chdir(argv[1]));
  PROVE("directory-start", all, entries(at_start));
  PROVE("directory-end", 0, entries(at_end));
  claim("full-device");
  EXPECT("a write", -1, write(full, "x", 1));
  EXPECT("its errno", ENOSPC, errno);
  PROVE("random-device", 8, read(random, buffer, 8));
  PROVE("null-device", 0, read(null, buffer, 8));
  PROVE("high-number", FD_CLOEXEC, fcntl(high, F_GETFD));
  claim("two-opens");
  memset(buffer, 0, sizeof buffer);
  EXPECT("bytes by the second", 5, read(second, buffer, sizeof buffer));
  EXPECT_TEXT("its bytes", "first", buffer);
  claim("truncated-later");
  MUST(truncate("shrinks", 4));
  EXPECT("offset", 10, lseek(shrinks, 0, SEEK_CUR));
  MUST(write(shrinks, "x", 1));
  MUST(fstat(shrinks, &stat));
  EXPECT("size", 11, stat.st_size);
  claim("hard-link");
  MUST(unlink("linked"));
  MUST(fstat(linked, &stat));
  EXPECT("links left", 1, stat.st_nlink);
  claim("pipe-both-ends");
  EXPECT("bytes", 9, read(both[0], buffer, sizeof buffer));
  PROVE("pipe-size", capacity, fcntl(sized[0], F_GETPIPE_SZ));
  claim("pipe-writer-closed");
  EXPECT("what was left", 1, read(no_writer[0], buffer, 8));
  EXPECT("the end", 0, read(no_writer[0], buffer, 8));
  claim("pipe-reader-closed");
  EXPECT("a write", -1, write(no_reader[1], "x", 1));
  EXPECT("its errno", EPIPE, errno);
  PROVE("lowest-free", lowest, dup(null));
  return say_ok();
}
