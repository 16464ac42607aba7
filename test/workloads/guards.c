// Guard regions: pages whose touch ends the toucher, which no mapping shows. Alone, beside content, where content was, in a
// child, in locked memory, taken down again, and put up and taken down all the time.
// @family Memory
// @probe guard-regions
// @claim guards memory.guard
// @claim neighbours memory.guard
// @claim taken-down memory.guard
// @claim locked memory.guard
// @claim in-child memory.guard
// @claim changing memory.guard
#include <sys/wait.h>

#include "workload.h"

enum { page = 4096, pages = 16, guard_install = 102, guard_remove = 103 };

static char* map(void) {
  char* at = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("mmap: expected an address got %s", strerror(errno));
  return at;
}

/** The kernel reads for us: EFAULT where there is a guard. */
static bool is_guard(const char* at) {
  static int sink[2] = {-1, -1};
  char byte;
  if (sink[0] == -1) MUST0(pipe2(sink, O_CLOEXEC));
  if (write(sink[1], at, 1) == -1) {
    EXPECT("errno of a read of a guard", EFAULT, errno);
    return true;
  }
  MUST(read(sink[0], &byte, 1));
  return false;
}

static void expect_guards(const char* at, const bool* wanted) {
  for (int i = 0; i < pages; i++) {
    if (is_guard(at + i * page) != wanted[i])
      fail("page %d: expected %s", i, wanted[i] ? "a guard got a page" : "a page got a guard");
  }
}

static char* moving;
static bool moving_guards[pages];
static void change(void) {
  static uint64_t random = 5;
  random = mix(random);
  int i = (int)(random % pages);
  MUST0(madvise(moving + i * page, page, moving_guards[i] ? guard_remove : guard_install));
  if (moving_guards[i]) memset(moving + i * page, i + 1, page);
  moving_guards[i] = !moving_guards[i];
}

int main(void) {
  char *plain = map(), *removed = map(), *locked = map(), *inherited = map();
  bool some[pages] = {false}, none[pages] = {false};
  listen_for_stop();
  moving = map();
  memset(plain, 'p', pages * page);
  memset(removed, 'r', pages * page);
  memset(inherited, 'i', pages * page);
  memset(moving, 'm', pages * page);
  for (int i = 0; i < pages; i += 5) {
    some[i] = true;
    for (int k = 0; k < 4; k++)
      MUST0(madvise((char*[]){plain, removed, locked, inherited}[k] + i * page, page, guard_install));
  }
  MUST0(madvise(removed, pages * page, guard_remove));
  if (mlock(locked, pages * page) == 0) fail("mlock over guards: expected an error got none");
  for (int i = 0; i < 40; i++) change();
  if (in_motion()) motion = change;
  int ask[2], answer[2];
  MUST0(pipe(ask));
  MUST0(pipe(answer));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    char byte, ok = 1;
    MUST(read(ask[0], &byte, 1));
    for (int i = 0; i < pages; i++) ok &= is_guard(inherited + i * page) == some[i];
    for (int i = 0; i < pages; i++) ok &= some[i] || inherited[i * page] == 'i';
    MUST(write(answer[1], &ok, 1));
    _exit(0);
  }
  say_ready();
  wait_for_stop();
  claim("guards");
  expect_guards(plain, some);
  claim("neighbours");
  for (int i = 0; i < pages; i++) {
    if (!some[i]) EXPECT("byte beside a guard", 'p', plain[i * page + 17]);
  }
  claim("taken-down");
  expect_guards(removed, none);
  for (int i = 0; i < pages; i++) EXPECT("byte where a guard was", some[i] ? 0 : 'r', removed[i * page]);
  claim("locked");
  expect_guards(locked, some);
  claim("in-child");
  char ok = 0;
  MUST(write(ask[1], "?", 1));
  MUST(read(answer[0], &ok, 1));
  EXPECT("guards of a child", 1, ok);
  MUST(waitpid(child, NULL, 0));
  claim("changing");
  expect_guards(moving, moving_guards);
  for (int i = 0; i < pages; i++) {
    if (!moving_guards[i] && moving[i * page] != 'm')
      EXPECT("byte of a page that was guarded", i + 1, moving[i * page]);
  }
  return say_ok();
}
