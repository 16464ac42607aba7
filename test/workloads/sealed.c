// Sealed mappings (mseal, Linux 6.10), which nobody may unmap, move or protect otherwise: a whole one, a part of one, memory of a
// file, executable memory, a child's, and one after the other all the time.
// @family Memory
// @probe mseal
// @claim refuses memory.sealed
// @claim borders memory.sealed
// @claim content memory.sealed
// @claim file memory.sealed
// @claim executable memory.sealed
// @claim in-child memory.sealed
// @claim growing memory.sealed
#include <sys/syscall.h>
#include <sys/wait.h>

#include "workload.h"

enum { page = 4096, pages = 16, most = 64, mseal_number = 462 };

static char* map(int protection, int flags, int fd) {
  char* at = mmap(NULL, pages * page, protection, flags, fd, 0);
  if (at == MAP_FAILED) fail("mmap: expected an address got %s", strerror(errno));
  return at;
}

static char* map_private(void) { return map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1); }

static void seal(char* at, int count) { MUST0(syscall(mseal_number, at, (size_t)count * page, 0UL)); }

/** The only calls on it that a seal forbids and that would leave it as it is, if they could. */
static bool is_sealed(char* at, int protection) {
  bool unprotectable = mprotect(at, page, protection) == -1 && errno == EPERM;
  bool unmovable = mremap(at, page, page, 0) == MAP_FAILED && errno == EPERM;
  if (unprotectable != unmovable)
    fail("a page is half sealed: mprotect %d, mremap %d", unprotectable, unmovable);
  return unprotectable;
}

static void expect_sealed(const char* what, char* at, int protection) {
  for (int i = 0; i < pages; i++)
    if (!is_sealed(at + i * page, protection)) fail("%s, page %d: expected a seal got none", what, i);
}

static char* grown[most];
static int grown_count;
/** Each is written before and after it is sealed. */
static void grow(void) {
  if (grown_count == most) {
    for (int i = 0; i < most; i++) grown[i][5 * page]++;
    return;
  }
  char* at = map_private();
  memset(at, grown_count, pages * page);
  seal(at, pages);
  at[5 * page] = 'w';
  grown[grown_count++] = at;
}

int main(void) {
  const int rw = PROT_READ | PROT_WRITE;
  listen_for_stop();
  char *whole = map_private(), *part = map_private(), *inherited = map_private();
  int fd = (int)MUST(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  char program[page];
  MUST(pread(fd, program, page, 0));
  char* file = mmap(NULL, page, rw, MAP_PRIVATE, fd, 0);
  if (file == MAP_FAILED) fail("mmap of the program: expected an address got %s", strerror(errno));
  MUST0(close(fd));
  char* code = map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  char* unreadable = map(PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  fill_pattern(whole, pages * page, 1);
  memset(part, 'p', pages * page);
  memset(inherited, 'i', pages * page);
  seal(whole, pages);
  seal(part + 4 * page, 3);
  seal(file, 1);
  seal(code, pages);
  seal(unreadable, pages);
  seal(inherited, pages);
  int ask[2], answer[2];
  MUST0(pipe(ask));
  MUST0(pipe(answer));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    char byte, ok = 1;
    MUST(read(ask[0], &byte, 1));
    for (int i = 0; i < pages; i++) ok &= is_sealed(inherited + i * page, rw) && inherited[i * page] == 'i';
    MUST(write(answer[1], &ok, 1));
    _exit(0);
  }
  grow();
  if (in_motion()) motion = grow;
  say_ready();
  wait_for_stop();
  claim("refuses");
  expect_sealed("a sealed mapping", whole, rw);
  if (munmap(whole, page) != -1 || errno != EPERM)
    fail("munmap of what is sealed: expected EPERM got another answer");
  claim("content");
  check_pattern("sealed memory", whole, pages * page, 1);
  whole[3] ^= 1;
  claim("borders");
  for (int i = 0; i < pages; i++)
    EXPECT("seal of a part", i >= 4 && i < 7, (int)is_sealed(part + i * page, rw));
  MUST0(munmap(part + 7 * page, page));
  claim("file");
  if (!is_sealed(file, rw)) fail("memory of a file: expected a seal got none");
  if (memcmp(file, program, page) != 0) fail("memory of a file: expected its content got another");
  claim("executable");
  expect_sealed("executable memory", code, PROT_READ | PROT_EXEC);
  expect_sealed("execute-only memory", unreadable, PROT_EXEC);
  claim("in-child");
  char ok = 0;
  MUST(write(ask[1], "?", 1));
  MUST(read(answer[0], &ok, 1));
  EXPECT("seals of a child", 1, ok);
  MUST(waitpid(child, NULL, 0));
  claim("growing");
  for (int k = 0; k < grown_count; k++) {
    expect_sealed("one of many", grown[k], rw);
    EXPECT("byte of one of many", k, grown[k][0]);
  }
  return say_ok();
}
