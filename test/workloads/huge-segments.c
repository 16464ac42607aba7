// System V segments of reserved huge pages, which take CAP_IPC_LOCK: attached, of an odd size, with a part unmapped, and attached nowhere.
// @family Memory
// @hugepages
// @root
// @claim attached memory.hugetlb
// @claim odd-size memory.hugetlb
// @claim unattached memory.hugetlb
// @claim written memory.hugetlb
#include <sys/shm.h>

#include "huge.h"

static char* busy;
static uint64_t writes;
static void work(void) {
  writes++;
  memcpy(busy + writes % 512 * page, &writes, sizeof writes);
}

static int make(size_t size) { return (int)MUST(shmget(IPC_PRIVATE, size, IPC_CREAT | SHM_HUGETLB | 0600)); }

static char* attach(int id) {
  char* at = shmat(id, NULL, 0);
  if (at == (void*)-1) fail("shmat: expected an address got %s", strerror(errno));
  return at;
}

int main(void) {
  listen_for_stop();
  int plain = make(2 * huge), odd = make(huge + 5000), lonely = make(huge), written = make(huge);
  char *at = attach(plain), *odd_at = attach(odd), *lonely_at = attach(lonely);
  busy = attach(written);
  fill_pattern(at, 2 * huge, 4);
  fill_pattern(odd_at, huge + 5000, 5);
  fill_pattern(lonely_at, huge, 6);
  MUST0(shmdt(lonely_at));
  MUST0(munmap(at, huge));
  work();
  if (in_motion()) motion = work;
  say_ready();
  wait_for_stop();
  claim("attached");
  char* copy = malloc(2 * huge);
  fill_pattern(copy, 2 * huge, 4);
  if (memcmp(copy + huge, at + huge, huge) != 0) fail("half of a segment: expected its content got another");
  EXPECT("KiB of a page of a segment", huge / 1024, page_size_at(at + huge));
  char* again = attach(plain);
  check_pattern("a segment that is attached again", again, 2 * huge, 4);
  free(copy);
  claim("odd-size");
  check_pattern("a segment of an odd size", odd_at, huge + 5000, 5);
  struct shmid_ds about;
  MUST0(shmctl(odd, IPC_STAT, &about));
  EXPECT("size of a segment", huge + 5000, about.shm_segsz);
  claim("unattached");
  lonely_at = attach(lonely);
  check_pattern("a segment that nobody had attached", lonely_at, huge, 6);
  EXPECT("KiB of a page of such a segment", huge / 1024, page_size_at(lonely_at));
  claim("written");
  uint64_t found = 0;
  memcpy(&found, busy + writes % 512 * page, sizeof found);
  EXPECT("counter in a segment", writes, found);
  for (int i = 0; i < 4; i++) MUST0(shmctl((int[]){plain, odd, lonely, written}[i], IPC_RMID, NULL));
  return say_ok();
}
