// A lot of one thing, `crowd KIND COUNT`: processes, threads, mappings, descriptors, sockets, or workers that share 1 MiB times COUNT
// with their parent by copy-on-write (32 of them). Large trees are moved with it, and measured.
// @family Process tree
// @claim crowd tree.wide
// @arguments processes 60
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "workload.h"

enum { page = 4096, workers = 32 };
static int count;

// What the members share: each counts what it finds, once the gate is open.
typedef struct {
  atomic_int up, gate, right;
} Meeting;
static Meeting* meeting;

// Sleeps in a futex rather than in turns: a thousand that wake up ten times a second are a load of their own.
static void sleep_until(atomic_int* word, int wanted) {
  for (int now; (now = atomic_load(word)) != wanted;) syscall(SYS_futex, word, 0 /* FUTEX_WAIT */, now, NULL);
}
static void wake(atomic_int* word) { syscall(SYS_futex, word, 1 /* FUTEX_WAKE */, INT32_MAX, NULL); }
static void arrive(void) {
  if (atomic_fetch_add(&meeting->up, 1) + 1 == count) wake(&meeting->up);
  sleep_until(&meeting->gate, 1);
}
static void open_gate(void) {
  atomic_store(&meeting->gate, 1);
  wake(&meeting->gate);
}

// ---- processes: each knows its PID, its parent and a page of its own
static void one_process(int who) {
  pid_t self = getpid(), parent = getppid();
  uint64_t* own = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fill_pattern(own, page, mix((uint64_t)who));
  signal(SIGUSR1, SIG_IGN);
  arrive();
  check_pattern("the page of a process", own, page, mix((uint64_t)who));
  if (getpid() == self && getppid() == parent) atomic_fetch_add(&meeting->right, 1);
  _exit(0);
}
static pid_t* start_children(void (*run)(int), int children) {
  pid_t* pids = calloc((size_t)children, sizeof *pids);
  for (int i = 0; i < children; i++) {
    pids[i] = (pid_t)MUST(fork());
    if (pids[i] == 0) run(i), _exit(0);
  }
  sleep_until(&meeting->up, count);
  return pids;
}
static void end_children(const pid_t* pids, int children) {
  open_gate();
  for (int i = 0; i < children; i++) {
    int status;
    EXPECT("a child ends", pids[i], MUST(waitpid(pids[i], &status, 0)));
    EXPECT("its status", 0, status);
  }
  EXPECT("children that found all as before", children, atomic_load(&meeting->right));
}
static pid_t* family;
static void make_processes(void) { family = start_children(one_process, count); }
static void check_processes(void) { end_children(family, count); }

// ---- threads: each knows its ID, its name and a word of its own
static _Thread_local uint64_t own_word;
static pthread_t* thread_ids;
static void* one_thread(void* argument) {
  uint64_t who = (uintptr_t)argument;
  pid_t self = (pid_t)syscall(SYS_gettid);
  char name[16], now[16];
  snprintf(name, sizeof name, "crowd-%d", (int)who);
  MUST(prctl(PR_SET_NAME, name));
  own_word = mix(who);
  arrive();
  MUST(prctl(PR_GET_NAME, now));
  if (syscall(SYS_gettid) == self && own_word == mix(who) && strcmp(name, now) == 0)
    atomic_fetch_add(&meeting->right, 1);
  return NULL;
}
static void make_threads(void) {
  pthread_attr_t small;
  MUST0(pthread_attr_init(&small));
  MUST0(pthread_attr_setstacksize(&small, 64 << 10));
  thread_ids = calloc((size_t)count, sizeof *thread_ids);
  for (uintptr_t i = 0; i < (uintptr_t)count; i++)
    MUST0(pthread_create(&thread_ids[i], &small, one_thread, (void*)i));
  sleep_until(&meeting->up, count);
}
static void check_threads(void) {
  open_gate();
  for (int i = 0; i < count; i++) MUST0(pthread_join(thread_ids[i], NULL));
  EXPECT("threads that found all as before", count, atomic_load(&meeting->right));
}

// ---- mappings: every second page cannot be written, so that each is a mapping
static char* area;
static void make_mappings(void) {
  size_t bytes = (size_t)count * page;
  area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) fail("memory: expected some got none");
  fill_pattern(area, bytes, 5);
  for (int i = 0; i < count; i += 2) MUST(mprotect(area + (size_t)i * page, page, PROT_READ));
}
static void check_mappings(void) { check_pattern("the mappings", area, (size_t)count * page, 5); }

// ---- descriptors: of one file, every fourth a duplicate of the one before
static int* numbers;
static void raise_descriptors(void) {
  struct rlimit limit;
  MUST(getrlimit(RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  MUST(setrlimit(RLIMIT_NOFILE, &limit));
}
static void make_descriptors(void) {
  raise_descriptors();
  numbers = calloc((size_t)count, sizeof *numbers);
  for (int i = 0; i < count; i++) {
    bool is_duplicate = i % 4 == 3;
    numbers[i] = (int)MUST(is_duplicate ? dup(numbers[i - 1]) : open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    if (!is_duplicate) MUST(lseek(numbers[i], i, SEEK_SET));
  }
}
static void check_descriptors(void) {
  for (int i = 0; i < count; i++) {
    bool is_duplicate = i % 4 == 3;
    EXPECT("an offset", is_duplicate ? i - 1 : i, MUST(lseek(numbers[i], 0, SEEK_CUR)));
    EXPECT("close-on-exec", is_duplicate ? 0 : FD_CLOEXEC, MUST(fcntl(numbers[i], F_GETFD)));
  }
  for (int i = 3; i < count; i += 4) {
    MUST(lseek(numbers[i], 1, SEEK_SET));
    EXPECT("the offset of its twin", 1, MUST(lseek(numbers[i - 1], 0, SEEK_CUR)));
  }
}

// ---- sockets: pairs, each with an unread message
static void make_sockets(void) {
  raise_descriptors();
  numbers = calloc((size_t)count, sizeof *numbers);
  for (int i = 0; i + 1 < count; i += 2) {
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, numbers + i));
    MUST(write(numbers[i], &i, sizeof i));
  }
}
static void check_sockets(void) {
  for (int i = 0; i + 1 < count; i += 2) {
    int got = -1;
    EXPECT("a message", sizeof got, MUST(read(numbers[i + 1], &got, sizeof got)));
    EXPECT("its words", i, got);
  }
}

// ---- workers: share the memory of their parent, which goes on writing into a sixteenth of it
static size_t common_bytes;
static char* common;
static void one_worker(int who) {
  uint64_t* own = (uint64_t*)(common + (size_t)who * page);
  *own = (uint64_t)who;  // one page of its own
  signal(SIGUSR1, SIG_IGN);
  arrive();
  if (*own != (uint64_t)who) fail("a worker's own page: expected %d got %llu", who, (unsigned long long)*own);
  size_t from = (size_t)workers * page;
  check_pattern("what workers share", common + from, common_bytes - from, 11 + from / 8);
  atomic_fetch_add(&meeting->right, 1);
  _exit(0);
}
static void write_a_sixteenth(void) {
  static size_t at;
  size_t part = common_bytes / 16;
  *(uint64_t*)(common + common_bytes - part + at) += 1;
  at = (at + page) % part;
}
static void make_workers(void) {
  common_bytes = (size_t)count << 20;
  common = mmap(NULL, common_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (common == MAP_FAILED) fail("memory: expected some got none");
  MUST(madvise(common, common_bytes, MADV_NOHUGEPAGE));
  fill_pattern(common, common_bytes, 11);
  motion = write_a_sixteenth;
  count = workers;
  family = start_children(one_worker, workers);
}
static void check_workers(void) {
  check_pattern("the parent's memory", common, common_bytes - common_bytes / 16, 11);
  end_children(family, workers);
}

static const struct {
  const char* name;
  void (*make)(void);
  void (*check)(void);
} kinds[] = {
    {"processes", make_processes, check_processes}, {"threads", make_threads, check_threads},
    {"mappings", make_mappings, check_mappings},    {"descriptors", make_descriptors, check_descriptors},
    {"sockets", make_sockets, check_sockets},       {"workers", make_workers, check_workers},
};

int main(int argc, char** argv) {
  if (argc != 3 || (count = atoi(argv[2])) < 1) fail("usage: crowd KIND COUNT");
  listen_for_stop();
  meeting = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (meeting == MAP_FAILED) fail("memory: expected a page got none");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kinds[i].name, argv[1]) != 0) continue;
    kinds[i].make();
    say_ready();
    wait_for_stop();
    claim("crowd");
    kinds[i].check();
    return say_ok();
  }
  fail("a kind: expected processes, threads, mappings, descriptors, sockets or workers got %s", argv[1]);
}
