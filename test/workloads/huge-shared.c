// Shared memory of reserved huge pages: anonymous and a memfd's, with a child that writes too, mapped twice, privately, and not at all.
// @family Memory
// @hugepages
// @claim anonymous memory.hugetlb
// @claim page-size memory.hugetlb
// @claim memfd memory.hugetlb
// @claim memfd-twice memory.hugetlb
// @claim memfd-private memory.hugetlb
// @claim memfd-unmapped memory.hugetlb
// @claim memfd-seals memory.hugetlb
// @claim written memory.hugetlb
#include <sys/stat.h>

#include "huge.h"

static char* busy;
static uint64_t writes;
static void work(void) {
  static uint64_t random = 3;
  random = mix(random);
  writes++;
  memcpy(busy + random % 512 * page + 64, &writes, sizeof writes);
  memcpy(busy + huge, &writes, sizeof writes);
}

static int make_memfd(const char* name, int count) {
  int fd = (int)MUST(memfd_create(name, MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING));
  MUST0(ftruncate(fd, (off_t)count * huge));
  return fd;
}

int main(void) {
  listen_for_stop();
  char* shared = map_huge(2, MAP_SHARED, -1);
  busy = map_huge(2, MAP_SHARED, -1);
  int mapped = make_memfd("mapped", 2), unmapped = make_memfd("unmapped", 1);
  char *first = map_huge(2, MAP_SHARED, mapped), *second = map_huge(2, MAP_SHARED, mapped);
  fill_pattern(first, huge, 2);
  char* copied = map_huge(2, MAP_PRIVATE, mapped);
  copied[7] = 'c';
  char* gone = map_huge(1, MAP_SHARED, unmapped);
  fill_pattern(gone, huge, 3);
  MUST0(munmap(gone, huge));
  MUST0(fcntl(unmapped, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE));
  shared[3] = 's';
  int ask[2], answer[2];
  MUST0(pipe(ask));
  MUST0(pipe(answer));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    char byte;
    MUST(read(ask[0], &byte, 1));
    shared[huge + 1] = shared[3];
    MUST(write(answer[1], "!", 1));
    _exit(0);
  }
  work();
  if (in_motion()) motion = work;
  say_ready();
  wait_for_stop();
  claim("anonymous");
  char byte;
  MUST(write(ask[1], "?", 1));
  MUST(read(answer[0], &byte, 1));
  EXPECT("byte that the child has copied", 's', shared[huge + 1]);
  EXPECT("byte that nobody has written", 0, shared[huge]);
  MUST(waitpid(child, NULL, 0));
  claim("page-size");
  EXPECT("KiB of a page of shared memory", huge / 1024, page_size_at(shared));
  EXPECT("KiB of a page of a memfd", huge / 1024, page_size_at(first));
  claim("memfd");
  struct stat about;
  MUST0(fstat(mapped, &about));
  EXPECT("block size of a memfd", huge, about.st_blksize);
  EXPECT("size of a memfd", 2 * huge, about.st_size);
  check_pattern("a memfd of huge pages", first, huge, 2);
  claim("memfd-twice");
  first[huge + 40] = 't';
  EXPECT("byte written by the other mapping", 't', second[huge + 40]);
  claim("memfd-private");
  EXPECT("byte of a private copy", 'c', copied[7]);
  EXPECT("byte behind a private copy", first[8], copied[8]);
  claim("memfd-unmapped");
  gone = mmap(NULL, huge, PROT_READ, MAP_PRIVATE, unmapped, 0);
  if (gone == MAP_FAILED) fail("mmap of a memfd: expected an address got %s", strerror(errno));
  check_pattern("a memfd that nobody maps", gone, huge, 3);
  claim("memfd-seals");
  EXPECT("seals", F_SEAL_SHRINK | F_SEAL_WRITE, fcntl(unmapped, F_GET_SEALS));
  claim("written");
  uint64_t found = 0;
  memcpy(&found, busy + huge, sizeof found);
  EXPECT("counter in a shared huge page", writes, found);
  return say_ok();
}
