// Forked workers over shared memory, as databases use it: latches that are robust and process-shared, a pool of pages with
// checksums, counters that must add up; a memfd with seals, mapped twice; private pages shared by copy-on-write.
// @family Memory
// @always-moving
// @claim workers memory.cow
// @claim latches memory.shared
// @claim memfd-twice memory.memfd
// @claim memfd-file memory.memfd
// @claim memfd-seals memory.memfd
// @claim memfd-name memory.memfd
#include <pthread.h>

#include "workload.h"

enum { workers = 4, pages = 2048, page = 4096 };
struct header {
  pthread_mutex_t latch[16];
  pthread_cond_t wake;
  pthread_mutex_t wake_lock;
  uint64_t rounds[16], stamps[pages];
  bool stopping;
};
static struct header* shared;
static uint64_t *pool, *cow;

static void latch(pthread_mutex_t* mutex) {
  int error = pthread_mutex_lock(mutex);
  if (error == EOWNERDEAD) fail("latch: expected a living owner got EOWNERDEAD");
  MUST0(error);
}

static void work(int who) {
  uint64_t random = (uint64_t)who + 1, mine = 0;
  for (int i = 0; i < 64; i++)
    cow[(size_t)who * 32768 + (size_t)i * 512] = mix((uint64_t)who);  // own copies of some pages
  while (!shared->stopping) {
    random = mix(random);
    size_t i = random % pages, l = i % 16;
    latch(&shared->latch[l]);
    check_pattern("page of the pool", pool + i * 512, page, shared->stamps[i] << 20);
    shared->stamps[i]++;
    fill_pattern(pool + i * 512, page, shared->stamps[i] << 20);
    shared->rounds[l]++;
    MUST0(pthread_mutex_unlock(&shared->latch[l]));
    mine++;
    if (mine % 16 == 0) {
      latch(&shared->wake_lock);
      pthread_cond_broadcast(&shared->wake);
      MUST0(pthread_mutex_unlock(&shared->wake_lock));
      usleep(500);
    }
  }
  for (int i = 0; i < 4 * workers * 16; i++) {
    uint64_t* word = &cow[(size_t)i * 512];
    bool own = i / 64 == who;
    EXPECT("private page", (int64_t)(own ? mix((uint64_t)who) : 7), (int64_t)*word);
  }
  _exit(mine > 0 ? 0 : 9);
}

int main(void) {
  listen_for_stop();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pool = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  cow = mmap(NULL, 4 * workers * 16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || pool == MAP_FAILED || cow == MAP_FAILED) fail("memory: expected some got none");
  pthread_mutexattr_t attributes;
  pthread_condattr_t cond;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_condattr_init(&cond);
  pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
  for (int i = 0; i < 16; i++) pthread_mutex_init(&shared->latch[i], &attributes);
  pthread_mutex_init(&shared->wake_lock, &attributes);
  pthread_cond_init(&shared->wake, &cond);
  for (size_t i = 0; i < pages; i++) fill_pattern(pool + i * 512, page, 0);
  for (int i = 0; i < 4 * workers * 16; i++) cow[(size_t)i * 512] = 7;

  int fd = (int)MUST(memfd_create("pool of pages", MFD_ALLOW_SEALING | MFD_CLOEXEC));
  MUST(ftruncate(fd, 1 << 20));
  MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
  uint64_t* one = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  uint64_t* two = mmap(NULL, 1 << 19, PROT_READ, MAP_SHARED, fd, 1 << 19);
  fill_pattern(one, 1 << 20, 5);
  MUST(lseek(fd, 12345, SEEK_SET));
  pid_t child[workers];
  for (int i = 0; i < workers; i++) {
    child[i] = (pid_t)MUST(fork());
    if (child[i] == 0) work(i);
  }
  say_ready();
  uint64_t woken = 0;
  latch(&shared->wake_lock);
  while (!stop_wanted) {  // the parent waits for its workers, as a postmaster does
    pthread_cond_wait(&shared->wake, &shared->wake_lock);
    woken++;
  }
  MUST0(pthread_mutex_unlock(&shared->wake_lock));
  claim("workers");
  shared->stopping = true;
  for (int i = 0; i < workers; i++) {
    int status;
    EXPECT("worker", child[i], MUST(waitpid(child[i], &status, 0)));
    EXPECT("its status", 0, status);
  }
  claim("latches");
  uint64_t rounds = 0, stamps = 0;
  for (int i = 0; i < 16; i++) rounds += shared->rounds[i];
  for (size_t i = 0; i < pages; i++) {
    stamps += shared->stamps[i];
    check_pattern("page at the end", pool + i * 512, page, shared->stamps[i] << 20);
  }
  EXPECT("stamps of all pages", rounds, stamps);
  if (woken == 0) fail("wake-ups: expected some got 0");
  claim("memfd-twice");
  one[(1 << 16) + 1] = 77;
  EXPECT("the second mapping of the memfd", 77, two[1]);
  one[(1 << 16) + 1] = mix(5 + (1 << 16) + 1);
  check_pattern("memfd", one, 1 << 20, 5);
  claim("memfd-file");
  uint64_t word;
  MUST(pread(fd, &word, 8, 80));
  EXPECT("memfd by descriptor", (int64_t)mix(5 + 10), (int64_t)word);
  claim("memfd-seals");
  EXPECT("seals", F_SEAL_SHRINK | F_SEAL_GROW, MUST(fcntl(fd, F_GET_SEALS)));
  EXPECT("offset of the memfd", 12345, lseek(fd, 0, SEEK_CUR));
  claim("memfd-name");
  char path[64] = {0};
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  char name[64] = {0};
  MUST(readlink(path, name, sizeof name - 1));
  EXPECT_TEXT("name of the memfd", "/memfd:pool of pages (deleted)", name);
  return say_ok();
}
