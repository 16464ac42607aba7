// The less regular descriptors: O_PATH, a directory with its read position, a file deleted while open, a file with another link
// left, a file renamed while open. argv[1] is an empty directory.
// @family Files
// @directory
// @claim o-path files.path
// @claim o-path-directory files.path
// @claim read-position files.directory
// @claim other-link files.relinked
// @claim renamed files.renamed
#include <dirent.h>
#include <sys/stat.h>

#include "workload.h"

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  MUST(mkdir("dir", 0755));
  for (int i = 0; i < 200; i++) {
    char name[32];
    snprintf(name, sizeof name, "dir/file-%d", i);
    close((int)MUST(open(name, O_WRONLY | O_CREAT, 0644)));
  }
  int path = (int)MUST(open("dir/file-7", O_PATH)),
      dir_path = (int)MUST(open("dir", O_PATH | O_DIRECTORY | O_CLOEXEC));
  DIR* dir = opendir("dir");
  if (dir == NULL) fail("opendir: expected a directory got %s", strerror(errno));
  long seen = 0;
  while (seen < 50 && readdir(dir) != NULL) seen++;
  int linked = (int)MUST(open("linked", O_RDWR | O_CREAT, 0600)),
      renamed = (int)MUST(open("before", O_RDWR | O_CREAT, 0600));
  MUST(link("linked", "other-name"));
  MUST(unlink("linked"));
  MUST(write(linked, "still here", 10));
  MUST(write(renamed, "moved", 5));
  MUST(rename("before", "after"));
  int deleted = argc > 2 ? (int)MUST(open("deleted", O_RDWR | O_CREAT, 0600)) : -1;
  if (deleted >= 0) {
    MUST(write(deleted, "gone but open", 13));
    MUST(unlink("deleted"));
  }
  say_ready();
  wait_for_stop();

  char buffer[32] = {0};
  struct stat a, b;
  claim("o-path");
  EXPECT("reading O_PATH", -1, read(path, buffer, 1));
  EXPECT("errno of it", EBADF, errno);
  EXPECT("flags of O_PATH", O_PATH, MUST(fcntl(path, F_GETFL)) & O_PATH);
  MUST(fstat(path, &a));
  MUST(stat("dir/file-7", &b));
  EXPECT("inode of O_PATH", b.st_ino, a.st_ino);
  claim("o-path-directory");
  MUST(fstatat(dir_path, "file-9", &a, 0));
  EXPECT("close-on-exec of the directory", FD_CLOEXEC, MUST(fcntl(dir_path, F_GETFD)));
  claim("read-position");
  while (readdir(dir) != NULL) seen++;
  EXPECT("entries of the directory", 202, seen);
  claim("other-link");
  MUST(pread(linked, buffer, 10, 0));
  EXPECT_TEXT("content under another link", "still here", buffer);
  MUST(fstat(linked, &a));
  MUST(stat("other-name", &b));
  EXPECT("inode of it", b.st_ino, a.st_ino);
  claim("renamed");
  EXPECT("offset in the renamed file", 5, lseek(renamed, 0, SEEK_CUR));
  MUST(fstat(renamed, &a));
  MUST(stat("after", &b));
  EXPECT("inode of the renamed file", b.st_ino, a.st_ino);
  if (deleted >= 0) {
    memset(buffer, 0, sizeof buffer);
    MUST(pread(deleted, buffer, 13, 0));
    EXPECT_TEXT("content of the deleted file", "gone but open", buffer);
    MUST(fstat(deleted, &a));
    EXPECT("links of the deleted file", 0, a.st_nlink);
  }
  return say_ok();
}
