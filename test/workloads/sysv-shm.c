// System V shared memory as databases use it: segments known by ID and by key, attached by parent and child, whole, read-only, in
// parts, after IPC_RMID; attached and detached while they move. With an argument segments are made and removed all the time too: not in
// the suite, whose hosts hold several such trees at once, and where one has used an ID it is taken for another that comes.
// @family Event objects
// @claim content events.sysv-shm
// @claim identity events.sysv-shm
// @claim attachments events.sysv-shm
// @claim destroyed events.sysv-shm
// @claim read-only events.sysv-shm
// @claim parts events.sysv-shm
// @claim unattached events.sysv-shm
// @claim goes-on events.sysv-shm
#include <sys/ipc.h>
#include <sys/shm.h>

#include "workload.h"

enum { page = 4096, pages = 64, big = pages * page, odd = 5 * page - 1234 };
static int keyed, doomed, split, idle;
static key_t key;
static uint64_t* shared;
static bool makes;

static void* attach(int id, const void* at, int flags) {
  void* address = shmat(id, at, flags);
  if (address == (void*)-1) fail("shmat %d: expected an address got %s", id, strerror(errno));
  return address;
}

static struct shmid_ds about(int id) {
  struct shmid_ds found;
  MUST(shmctl(id, IPC_STAT, &found));
  return found;
}

// Each look finds other attachments, and, if that is wanted, another set of segments.
static int made = -1;
static void churn(void) {
  static uint64_t turn, *word;
  static void* before;
  if (turn++ % 8 != 0) return;
  if (word != NULL) {
    EXPECT("word of a new segment", turn - 8, *word);
    MUST(shmctl(made, IPC_RMID, NULL));
    MUST(shmdt(word));
  }
  if (before != NULL) MUST(shmdt(before));
  before = attach(keyed, NULL, turn % 16 == 1 ? SHM_RDONLY : 0);
  if (!makes) return;
  made = (int)MUST(shmget(IPC_PRIVATE, page, IPC_CREAT | 0600));
  word = attach(made, NULL, 0);
  *word = turn;
}

// Adds to the counters of the shared segment until the parent says stop.
static void count(uint64_t volatile* counters) {
  while (counters[1] == 0) {
    counters[0]++;
    usleep(200);
  }
  _exit(0);
}

static long mappings_of(int id) {
  char line[512];
  long found = 0;
  FILE* maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    unsigned long inode = 0;
    if (strstr(line, "/SYSV") != NULL && sscanf(line, "%*s %*s %*s %*s %lu", &inode) == 1 &&
        inode == (unsigned long)id)
      found++;
  }
  fclose(maps);
  return found;
}

int main(int argc, char** argv) {
  (void)argv;
  makes = argc > 1;
  listen_for_stop();
  motion = churn;
  key = 0x60d00000 + (getpid() & 0xffff);
  keyed = (int)MUST(shmget(key, big, IPC_CREAT | IPC_EXCL | 0740));
  doomed = (int)MUST(shmget(key + 0x100000, odd, IPC_CREAT | IPC_EXCL | 0604));
  split = (int)MUST(shmget(IPC_PRIVATE, 8 * page, IPC_CREAT | 0600));
  shared = attach(keyed, NULL, 0);
  fill_pattern(shared + 512, big - page, 1);
  uint64_t* lost = attach(doomed, NULL, 0);
  fill_pattern(lost, odd / 8 * 8, 2);
  MUST(shmctl(doomed, IPC_RMID, NULL));
  char* parts = attach(split, NULL, 0);
  fill_pattern(parts, 8 * page, 3);
  MUST(mprotect(parts + page, page, PROT_READ));
  MUST(munmap(parts + 3 * page, page));
  char* elsewhere = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mremap(parts + 6 * page, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere + page) == MAP_FAILED)
    fail("mremap: expected success got %s", strerror(errno));
  uint64_t* readable = attach(keyed, NULL, SHM_RDONLY);
  uint64_t* executable = attach(keyed, NULL, SHM_EXEC);
  idle = (int)MUST(shmget(key + 0x200000, 3 * page, IPC_CREAT | 0600));
  uint64_t* left = attach(idle, NULL, 0);
  fill_pattern(left, 3 * page, 4);
  MUST(shmdt(left));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) count(shared);
  struct shmid_ds mine = about(keyed), dead = about(doomed), cut = about(split);
  mine.shm_perm.mode = 0600;
  MUST(shmctl(keyed, IPC_SET, &mine));
  attach(split, NULL, 0);  // the last one of this process
  cut = about(split);
  say_ready();
  uint64_t before = shared[0];
  while (makes && !stop_wanted) move_once();
  wait_for_stop();

  claim("content");
  if (shared[0] <= before) fail("the child's count: expected more got no more");
  check_pattern("segment", shared + 512, big - page, 1);
  check_pattern("read-only attachment", readable + 512, big - page, 1);
  check_pattern("executable attachment", executable + 512, big - page, 1);
  shared[2] = 77;
  EXPECT("the same memory", 77, readable[2]);
  EXPECT("the same memory", 77, executable[2]);

  claim("identity");
  struct shmid_ds now = about(keyed);
  EXPECT("ID by key", keyed, MUST(shmget(key, 0, 0)));
  EXPECT("key", key, now.shm_perm.__key);
  EXPECT("mode", 0600, now.shm_perm.mode & 0777);
  EXPECT("owner", getuid(), now.shm_perm.uid);
  EXPECT("group", getgid(), now.shm_perm.gid);
  EXPECT("creating user", getuid(), now.shm_perm.cuid);
  EXPECT("creating group", getgid(), now.shm_perm.cgid);
  EXPECT("creator", getpid(), now.shm_cpid);
  EXPECT("bytes", big, now.shm_segsz);
  EXPECT("bytes of another", odd, about(doomed).shm_segsz);
  EXPECT("last one", getpid(), about(split).shm_lpid);

  claim("attachments");
  if (!in_motion() && !makes) EXPECT("of the segment", mine.shm_nattch, now.shm_nattch);
  EXPECT("of the destroyed one", dead.shm_nattch, about(doomed).shm_nattch);
  EXPECT("of the split one", cut.shm_nattch, about(split).shm_nattch);

  claim("destroyed");
  check_pattern("destroyed segment", lost, odd / 8 * 8, 2);
  EXPECT("its mark", SHM_DEST, about(doomed).shm_perm.mode & SHM_DEST);
  EXPECT("its mode", 0604, about(doomed).shm_perm.mode & 0777);
  if (shmget(key + 0x100000, 0, 0) != -1) fail("its key: expected to be free got a segment");

  claim("read-only");
  EXPECT("write access", -1, mprotect(readable, page, PROT_READ | PROT_WRITE));
  EXPECT("its error", EACCES, errno);
  MUST(mprotect(executable, page, PROT_READ | PROT_WRITE | PROT_EXEC));

  claim("parts");
  check_pattern("first part", parts, 3 * page, 3);
  check_pattern("part behind the hole", parts + 4 * page, 2 * page, 3 + 2048);
  check_pattern("last part", parts + 7 * page, page, 3 + 7 * 512);
  check_pattern("part that was moved", elsewhere + page, page, 3 + 6 * 512);
  EXPECT("mappings", 7, mappings_of(split));
  MUST(shmdt(parts));
  EXPECT("mappings after shmdt", 2, mappings_of(split));

  claim("unattached");
  EXPECT("attachments", 0, about(idle).shm_nattch);
  EXPECT("ID by key", idle, MUST(shmget(key + 0x200000, 0, 0)));
  left = attach(idle, NULL, 0);
  check_pattern("segment that nobody had attached", left, 3 * page, 4);
  MUST(shmdt(left));
  MUST(shmctl(idle, IPC_RMID, NULL));

  claim("goes-on");
  shared[1] = 1;
  int status;
  EXPECT("child", child, MUST(waitpid(child, &status, 0)));
  EXPECT("its status", 0, status);
  MUST(shmdt(lost));
  EXPECT("the destroyed one", -1, shmctl(doomed, IPC_STAT, &dead));
  int next = (int)MUST(shmget(IPC_PRIVATE, page, IPC_CREAT | 0600));
  MUST(shmctl(next, IPC_RMID, NULL));
  if (made >= 0) MUST(shmctl(made, IPC_RMID, NULL));
  MUST(shmctl(split, IPC_RMID, NULL));
  MUST(shmctl(keyed, IPC_RMID, NULL));
  return say_ok();
}
