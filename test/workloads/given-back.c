// Pages that are written and given back (MADV_DONTNEED), time and again: of a file they read as the file has them then, others as
// zeros; some are sent to swap space where there is some. Nothing else is mapped here that a plain user's agents would refuse.
// @family Memory
// @directory
// @claim file memory.file-private
// @claim anonymous memory.anonymous
#include <fcntl.h>

#include "workload.h"

enum { page = 4096, pages = 256 };
static char *of_file, *anonymous;
/** What is expected at the beginning of each page; 0: it was given back. */
static char written[2][pages];

static void check(int which, int i) {
  char expected = written[which][i] == 0 && which == 0 ? 'f' : written[which][i];
  char* at = (which == 0 ? of_file : anonymous) + i * page;
  EXPECT("first byte of a page", expected, at[0]);
  EXPECT("last byte of a page", expected, at[page - 1]);
}

static void change(void) {
  static uint64_t random = 11;
  random = mix(random);
  int which = (int)(random & 1), i = (int)((random >> 8) % pages);
  char* at = (which == 0 ? of_file : anonymous) + i * page;
  // What was not put right by the move must not be put right by us.
  check(which, i);
  if ((random >> 40) % 4 == 0) return (void)madvise(at, page, MADV_PAGEOUT);  // to swap space, where there is some
  if (written[which][i] == 0) {
    written[which][i] = (char)(1 + (random >> 32) % 100);
    memset(at, written[which][i], page);
  } else {
    MUST0(madvise(at, page, MADV_DONTNEED));
    written[which][i] = 0;
  }
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  listen_for_stop();
  MUST(chdir(argv[1]));
  int fd = (int)MUST(open("file", O_RDWR | O_CREAT | O_EXCL, 0644));
  char content[page];
  memset(content, 'f', page);
  for (int i = 0; i < pages; i++) MUST(write(fd, content, page));
  of_file = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  anonymous = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (of_file == MAP_FAILED || anonymous == MAP_FAILED)
    fail("mmap: expected an address got %s", strerror(errno));
  MUST0(close(fd));
  for (int i = 0; i < 2000; i++) change();
  MUST0(madvise(of_file, pages / 2 * page, MADV_PAGEOUT));
  MUST0(madvise(anonymous, pages / 2 * page, MADV_PAGEOUT));
  if (in_motion()) motion = change;
  say_ready();
  wait_for_stop();
  for (int which = 0; which < 2; which++) {
    claim(which == 0 ? "file" : "anonymous");
    for (int i = 0; i < pages; i++) check(which, i);
  }
  return say_ok();
}
