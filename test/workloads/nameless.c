// nameless DIRECTORY: files that no name leads to: deleted while open, through two descriptors of one open file and one of another;
// sparse ones; with a lock; made by O_TMPFILE; one that grows and is cut all the time.
// @family Files
// @directory
// @claim deleted files.deleted
// @claim position files.deleted
// @claim second-open-file files.deleted
// @claim holes files.deleted
// @claim odd-size files.deleted
// @claim owner files.deleted
// @claim no-name files.deleted
// @claim lock files.deleted
// @claim changing files.deleted
// @claim range-lock files.ofd-lock
// @claim range-lock-end files.ofd-lock
// @claim temporary files.tmpfile
// @claim linkable files.tmpfile
// @claim linked files.tmpfile
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "workload.h"

enum { odd = 123457, far = 40 << 20 };
static char path[4200];
static int changing;
static uint64_t rounds;

static int lock_range(int fd, short type, off_t start, off_t length) {
  struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, F_OFD_SETLK, &range) == 0 ? 0 : errno;
}
static int deleted(const char* directory, const char* name) {
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = (int)MUST(open(path, O_RDWR | O_CREAT | O_EXCL, 0640));
  return fd;
}
// Always the same pattern, to a length that changes: cut behind, and grown again.
static void change(void) {
  static char block[64 << 10];
  size_t size = (size_t)(mix(rounds++) % (sizeof block / 8)) * 8 + 8;
  fill_pattern(block, sizeof block, 7);
  MUST(ftruncate(changing, rounds % 3 == 0 ? 0 : (off_t)size));
  EXPECT("bytes written", (long long)size, MUST(pwrite(changing, block, size, 0)));
  MUST(ftruncate(changing, (off_t)size));
}

int main(int argc, char** argv) {
  static char bytes[odd], seen[odd], whole[64 << 10];
  struct stat stat;
  char byte;
  if (argc < 2) return 2;
  listen_for_stop();
  fill_pattern(bytes, odd / 8 * 8, 1);
  int one = deleted(argv[1], "deleted"), two = (int)MUST(open(path, O_RDONLY)), copy = (int)MUST(dup(one));
  MUST(unlink(path));
  EXPECT("bytes", odd, MUST(write(one, bytes, odd)));
  MUST(lseek(one, 1000, SEEK_SET));
  MUST(fchmod(one, 0604));
  MUST(flock(one, LOCK_EX));
  EXPECT("first range", 0, lock_range(one, F_WRLCK, 10, 20));
  EXPECT("second range", 0, lock_range(one, F_RDLCK, 1000, 0));
  int sparse = deleted(argv[1], "sparse");
  MUST(unlink(path));
  EXPECT("bytes", 5, MUST(pwrite(sparse, "begin", 5, 0)));
  EXPECT("bytes", 3, MUST(pwrite(sparse, "end", 3, far)));
  changing = deleted(argv[1], "changing");
  MUST(unlink(path));
  change();
  motion = change;
  int temporary = (int)MUST(open(argv[1], O_TMPFILE | O_RDWR | O_APPEND, 0600));
  EXPECT("bytes", 9, MUST(write(temporary, "temporary", 9)));
  // Made without a name, and given one: its flags go on to say O_TMPFILE.
  int linked = (int)MUST(open(argv[1], O_TMPFILE | O_RDWR, 0600));
  EXPECT("bytes", 6, MUST(write(linked, "linked", 6)));
  snprintf(path, sizeof path, "/proc/self/fd/%d", linked);
  char link_name[4200];
  snprintf(link_name, sizeof link_name, "%s/linked-%d", argv[1], getpid());
  MUST(linkat(AT_FDCWD, path, AT_FDCWD, link_name, AT_SYMLINK_FOLLOW));
  say_ready();
  wait_for_stop();

  MUST(fstat(one, &stat));
  PROVE("odd-size", odd, stat.st_size);
  PROVE("no-name", 0, stat.st_nlink);
  PROVE("owner", 0604, stat.st_mode & 07777);
  PROVE("position", 1000, lseek(copy, 0, SEEK_CUR));
  EXPECT("bytes of the deleted file", odd, MUST(pread(one, seen, odd, 0)));
  prove_bytes("deleted", bytes, seen, odd);
  claim("second-open-file");
  if (lseek(two, 0, SEEK_CUR) != 0)
    disprove("second-open-file", "expected position 0 got %ld", lseek(two, 0, SEEK_CUR));
  MUST(pwrite(one, "!", 1, 0));
  MUST(pread(two, &byte, 1, 0));
  if (byte != '!') disprove("second-open-file", "expected ! got %c", byte);
  claim("lock");
  if (flock(two, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
    disprove("lock", "expected EWOULDBLOCK got a lock");
  claim("range-lock");
  int free = lock_range(two, F_RDLCK, 30, 970), taken = lock_range(two, F_RDLCK, 29, 1);
  if (free != 0 || taken != EAGAIN)
    disprove("range-lock", "expected 0 and EAGAIN got %d and %d", free, taken);
  claim("range-lock-end");
  free = lock_range(two, F_RDLCK, 5000, 10);
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1 << 30, .l_len = 1};
  MUST(fcntl(two, F_OFD_GETLK, &range));
  if (free != 0 || range.l_type != F_RDLCK || range.l_start != 1000 || range.l_len != 0)
    disprove("range-lock-end", "expected a shared lock from 1000 to the end got %d from %ld, %ld",
             range.l_type, (long)range.l_start, (long)range.l_len);
  claim("holes");
  MUST(fstat(sparse, &stat));
  char text[8] = "";
  MUST(pread(sparse, text, 5, 0));
  MUST(pread(sparse, text + 5, 3, far));
  if (strncmp(text, "beginend", 8) != 0 || stat.st_size != far + 3 || stat.st_blocks > 1024)
    disprove("holes", "expected beginend in %d bytes got %.8s in %lld bytes, %lld blocks", far + 3, text,
             (long long)stat.st_size, (long long)stat.st_blocks);
  claim("changing");
  MUST(fstat(changing, &stat));
  if (pread(changing, whole, sizeof whole, 0) != stat.st_size)
    disprove("changing", "expected %lld bytes", (long long)stat.st_size);
  check_pattern("the changing file", whole, (size_t)stat.st_size, 7);
  EXPECT("bytes", 1, MUST(write(temporary, "+", 1)));
  memset(seen, 0, 16);
  MUST(pread(temporary, seen, 16, 0));
  prove_text("temporary", "temporary+", seen);
  snprintf(path, sizeof path, "/proc/self/fd/%d", temporary);
  char name[4200];
  snprintf(name, sizeof name, "%s/linked", argv[1]);
  PROVE("linkable", 0, linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW));
  EXPECT("bytes", 1, MUST(write(linked, "+", 1)));
  memset(seen, 0, 16);
  int same = (int)MUST(open(link_name, O_RDONLY));
  MUST(pread(same, seen, 16, 0));
  prove_text("linked", "linked+", seen);
  return say_ok();
}
