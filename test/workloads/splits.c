// splits: mappings that are split and joined all the time by mprotect of a part, as the loader does it once with the part that it has relocated
// (RELRO): private ones of a file and anonymous ones, whose pages were written long before.
// @family Memory
// @directory
// @always-moving
// @claim file memory.file-private
// @claim anonymous memory.anonymous
#include <sys/mman.h>

#include "workload.h"

enum { page = 4096, pages = 24, bytes = pages * page };

static void split(char* at, uint64_t turn) {
  size_t first = mix(turn) % (pages - 2), count = 1 + mix(turn + 1) % (pages - first - 1);
  MUST(mprotect(at + first * page, count * page, PROT_READ));
  if (turn % 4 == 0) usleep((useconds_t)(mix(turn + 2) % 2000));
  MUST(mprotect(at + first * page, count * page, PROT_READ | PROT_WRITE));
}

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: splits DIRECTORY");
  listen_for_stop();
  char name[512];
  static char content[bytes];
  snprintf(name, sizeof name, "%s/file", argv[1]);
  int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
  fill_pattern(content, bytes, 1);
  EXPECT("written", bytes, MUST(write(fd, content, bytes)));
  char* file = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  char* anonymous = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (file == MAP_FAILED || anonymous == MAP_FAILED) fail("memory: expected some got none");
  fill_pattern(file, bytes, 2), fill_pattern(anonymous, bytes, 3);
  say_ready();
  for (uint64_t turn = 0; !stop_wanted; turn += 8) {
    split(file, turn), split(anonymous, turn + 4);
    check_pattern("what was written to a private mapping of a file", file, bytes, 2);
    check_pattern("anonymous memory", anonymous, bytes, 3);
    usleep(200);  // others want the processor too
  }
  claim("file");
  claim("anonymous");
  return say_ok();
}
