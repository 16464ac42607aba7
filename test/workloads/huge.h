// Memory of reserved huge pages of 2 MiB.
#ifndef HUGE_H
#define HUGE_H
#include "workload.h"

enum { huge = 2 << 20, page = 4096 };

__attribute__((unused)) static char* map_huge(int count, int flags, int fd) {
  int all = flags | (fd < 0 ? MAP_ANONYMOUS | MAP_HUGETLB : 0);
  char* at = mmap(NULL, (size_t)count * huge, PROT_READ | PROT_WRITE, all, fd, 0);
  if (at == MAP_FAILED) fail("mmap of %d huge pages: expected an address got %s", count, strerror(errno));
  return at;
}

/** Of the mapping at this address, as smaps says, KiB. */
__attribute__((unused)) static long page_size_at(const void* at) {
  char line[512];
  bool here = false;
  long size = -1;
  FILE* smaps = fopen("/proc/self/smaps", "re");
  if (smaps == NULL) fail("smaps: expected a file got %s", strerror(errno));
  while (fgets(line, sizeof line, smaps) != NULL) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
      here = start <= (unsigned long)at && (unsigned long)at < end;
    if (here && size < 0) sscanf(line, "KernelPageSize: %ld kB", &size);
  }
  MUST0(fclose(smaps));
  return size;
}
#endif
