// grows [MiB] [children]: at each SIGUSR2 it has as much memory once more, bears so many children that wait, and says "grown". All of its memory
// is checked at the end, and that all of its children are there.
// @family Memory
// @claim grown memory.anonymous
// @arguments 16 3
#include <sys/wait.h>

#include "workload.h"

enum { most_pieces = 64, most_children = 4096 };
static volatile sig_atomic_t grow_wanted = 1;
static char* pieces[most_pieces];
static size_t count, bytes;
static pid_t children[most_children];
static size_t born;

static void on_grow(int signal) {
  (void)signal;
  grow_wanted = 1;
}

static void add_piece(size_t number) {
  pieces[number] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pieces[number] == MAP_FAILED) fail("memory: expected %zu bytes got none", bytes);
  fill_pattern(pieces[number], bytes, number << 32);
}

static void grow(size_t more_children) {
  for (size_t more = count == 0 ? 1 : count; more > 0; more--) {
    if (count == most_pieces) fail("pieces: expected at most %d got more", most_pieces);
    add_piece(count++);
  }
  for (size_t i = 0; i < more_children; i++) {
    const pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
      signal(SIGUSR2, SIG_IGN);
      for (;;) pause();
    }
    if (born == most_children) fail("children: expected at most %d got more", most_children);
    children[born++] = child;
  }
}

int main(int argc, char** argv) {
  bytes = (argc > 1 ? (size_t)atol(argv[1]) : 16) << 20;
  const size_t more_children = argc > 2 ? (size_t)atol(argv[2]) : 0;
  listen_for_stop();
  signal(SIGUSR2, on_grow);
  for (bool first = true; !stop_wanted;) {
    if (grow_wanted) {
      grow_wanted = 0;
      grow(first ? 0 : more_children);
      if (first)
        say_ready();
      else
        MUST(write(1, "grown\n", 6));
      first = false;
    }
    usleep(1000);
  }
  claim("grown");
  for (size_t i = 0; i < count; i++) check_pattern("memory", pieces[i], bytes, i << 32);
  for (size_t i = 0; i < born; i++) {
    MUST(kill(children[i], SIGKILL));
    int status;
    EXPECT("a child", children[i], MUST(waitpid(children[i], &status, 0)));
    EXPECT("its end", SIGKILL, status);
  }
  return say_ok();
}
