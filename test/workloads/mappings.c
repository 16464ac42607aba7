// Every ordinary kind of mapping with content in it, compared with /proc/self/maps before and after; then the heap grows, the
// stack grows, a mapping moves, and what was PROT_NONE is looked at. argv[1] is an empty directory.
// @family Memory
// @directory
// @claim map memory.anonymous
// @claim private memory.anonymous
// @claim prot-none memory.none
// @claim noreserve memory.noreserve
// @claim shared memory.shared
// @claim code memory.code
// @claim huge memory.thp
// @claim hole memory.anonymous
// @claim growsdown memory.growsdown
// @claim untouched memory.anonymous
// @claim clean-file memory.file-private
// @claim written-file memory.file-private
// @claim shared-file memory.file-shared
// @claim write-through memory.file-shared
// @claim heap memory.brk
// @claim heap-grows memory.brk
// @claim stack-grows memory.growsdown
#include <sys/prctl.h>

#include "workload.h"

enum { page = 4096, size = 16 * page };
static char before[65536], after[65536];

// /proc/self/maps without devices and inodes (those of shared anonymous memory differ elsewhere), and with neighbours of one
// kind joined (the kernel joins them or not depending on the history).
static void maps(char* text) {
  FILE* file = fopen("/proc/self/maps", "re");
  char line[8192], last_rest[8192] = "", rest[8192];
  unsigned long start, end, offset, first = 0, first_offset = 0, last_end = 0, next_offset = 0;
  char rights[8], last_rights[8] = "";
  text[0] = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    int used = 0;
    sscanf(line, "%lx-%lx %7s %lx %*s %*s %n", &start, &end, rights, &offset, &used);
    strcpy(rest, line + used);
    bool anonymous = rest[0] == '\n' || rest[0] == 0 || rest[0] == '[';
    bool joins = start == last_end && strcmp(rights, last_rights) == 0 && strcmp(rest, last_rest) == 0 &&
                 (anonymous || offset == next_offset);
    if (joins) {
      char* line_start = strrchr(text, '@');
      *line_start = 0;
    } else {
      first = start;
      first_offset = anonymous ? 0 : offset;
    }
    sprintf(text + strlen(text), "@%lx-%lx %s %lx %s", first, end, rights, first_offset, rest);
    last_end = end, next_offset = offset + (end - start);
    strcpy(last_rights, rights), strcpy(last_rest, rest);
  }
  if (file != NULL) fclose(file);
}

static int file_of(const char* name, uint64_t seed) {
  static char content[size];
  int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
  fill_pattern(content, size, seed);
  MUST(write(fd, content, size));
  return fd;
}
static char* map(int rights, int flags, int fd, off_t offset) {
  char* at = mmap(NULL, size, rights, flags, fd, offset);
  if (at == MAP_FAILED) fail("mmap with flags %x: expected an address got %s", flags, strerror(errno));
  return at;
}

__attribute__((noinline)) static unsigned deep(int levels) {
  volatile char frame[page];
  frame[0] = (char)levels;
  frame[page - 1] = (char)levels;
  return (levels > 0 ? deep(levels - 1) : 0) + (unsigned char)frame[0] + (unsigned char)frame[page - 1];
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  const int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  char *plain = map(rw, anonymous, -1, 0), *read_only = map(rw, anonymous, -1, 0),
       *none = map(rw, anonymous, -1, 0);
  char *sparse = mmap(NULL, 64 << 20, rw, anonymous | MAP_NORESERVE, -1, 0),
       *shared = map(rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char *code = map(rw | PROT_EXEC, anonymous, -1, 0), *huge = mmap(NULL, 8 << 20, rw, anonymous, -1, 0);
  char *hole = map(rw, anonymous, -1, 0), *moving = map(rw, anonymous, -1, 0),
       *untouched = map(rw, anonymous, -1, 0);
  char* down = mmap(NULL, 64 * page, rw, anonymous | MAP_GROWSDOWN, -1, 0);
  int file = file_of("private", 100), shared_file = file_of("shared", 200),
      ro_file = file_of("read-only", 300);
  char *clean = map(PROT_READ, MAP_PRIVATE, file, 0), *dirty = map(rw, MAP_PRIVATE, file, 0),
       *tail = map(rw, MAP_PRIVATE, file, 2 * page);
  char *through = map(rw, MAP_SHARED, shared_file, 0), *readable = map(PROT_READ, MAP_SHARED, ro_file, 0);
  close(ro_file);
  fill_pattern(plain, size, 1);
  fill_pattern(read_only, size, 2);
  MUST(mprotect(read_only, size, PROT_READ));
  fill_pattern(none, size, 3);
  MUST(mprotect(none, size, PROT_NONE));
  for (size_t i = 0; i < 64; i += 7) fill_pattern(sparse + (i << 20), page, i);
  fill_pattern(shared, size, 4);
  memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6);  // mov eax, 42; ret
  MUST(madvise(huge, 8 << 20, MADV_HUGEPAGE));
  fill_pattern(huge, 8 << 20, 5);
  fill_pattern(hole, size, 6);
  MUST(munmap(hole + 4 * page, 4 * page));
  fill_pattern(moving, size, 7);
  moving = mremap(moving, size, 2 * size, MREMAP_MAYMOVE);
  fill_pattern(down + 32 * page, 32 * page, 8);
  fill_pattern(dirty, page, 101);
  for (int i = 0; i < 8; i++) dirty[i * 2 * page] = 55;
  fill_pattern(through + page, page, 201);
  char *heap = malloc(100000), *top = sbrk(0);
  fill_pattern(heap, 100000 / 8 * 8, 9);
  MUST(madvise(plain + 15 * page, page, MADV_DONTFORK));
  volatile char* untouched_on_purpose = untouched;
  maps(before);
  say_ready();
  wait_for_stop();

  claim("map");
  maps(after);
  EXPECT_TEXT("maps", before, after);
  claim("private");
  check_pattern("plain", plain, size, 1);
  check_pattern("read-only", read_only, size, 2);
  claim("prot-none");
  MUST(mprotect(none, size, PROT_READ));
  check_pattern("PROT_NONE with content", none, size, 3);
  claim("noreserve");
  for (size_t i = 0; i < 64; i++) {
    if (i % 7 == 0) check_pattern("sparse", sparse + (i << 20), page, i);
    EXPECT("hole of the sparse one", 0, sparse[(i << 20) + 9 * page]);
  }
  claim("shared");
  check_pattern("shared", shared, size, 4);
  claim("code");
  EXPECT("code", 42, ((int (*)(void))(intptr_t)code)());
  claim("huge");
  check_pattern("huge", huge, 8 << 20, 5);
  claim("hole");
  check_pattern("before the hole", hole, 4 * page, 6);
  check_pattern("moved", moving, size, 7);
  EXPECT("grown part", 0, moving[size + 5]);
  claim("growsdown");
  check_pattern("growing down", down + 32 * page, 32 * page, 8);
  claim("untouched");
  EXPECT("untouched", 0, untouched_on_purpose[8]);
  claim("clean-file");
  check_pattern("clean pages of a file", clean, size, 100);
  claim("written-file");
  for (int i = 0; i < 8; i++) EXPECT("written page of a private mapping", 55, dirty[i * 2 * page]);
  check_pattern("unwritten page of it", dirty + page, page, 100 + page / 8);
  check_pattern("its tail", tail, size - 2 * page, 100 + 2 * page / 8);
  claim("shared-file");
  check_pattern("shared file, written", through + page, page, 201);
  check_pattern("shared file", through + 2 * page, page, 200 + 2 * page / 8);
  check_pattern("read-only shared file", readable, size, 300);
  claim("write-through");
  through[5 * page] = 99;
  char byte;
  MUST(pread(shared_file, &byte, 1, 5 * page));
  EXPECT("write through the shared mapping", 99, byte);
  claim("heap");
  check_pattern("heap", heap, 100000 / 8 * 8, 9);
  EXPECT("brk", (intptr_t)top, (intptr_t)sbrk(0));
  claim("heap-grows");
  char* grown = sbrk(1 << 20);
  EXPECT("the heap grows where it ended", (intptr_t)top, (intptr_t)grown);
  memset(grown, 1, 1 << 20);
  moving = mremap(moving, 2 * size, 64 * size, MREMAP_MAYMOVE);
  check_pattern("moved again", moving, size, 7);
  claim("stack-grows");
  EXPECT("the stack grows", 200 * 201, deep(200));
  return say_ok();
}
