/* Changes its own address space at random, deterministically from a seed, on commands of the compliance suite.
 *
 * usage: mutator CONTROL-FILE DATA-FILE SEED
 * The control file is shared with the test: one slot of 64 bytes (16 words) for each process. The test raises `target`, the process
 * executes operations until `done` equals it. Processes forked and programs executed take part by themselves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096UL
#define HUGE_PAGE (2UL << 20)
#define SLOTS 12
#define REGIONS 48
#define MAX_PAGES 6000UL /* of all regions: keeps a comparison short */

struct slot {
  volatile uint32_t pid, target, done, request, answer, generation, last_op, pad[9];
};
enum { REQUEST_NONE, REQUEST_UFFD, REQUEST_CLOSE, REQUEST_QUIT };

enum kind { ANON, HUGE, FILE_PRIVATE, SHARED, MEMFD, MEMFD_PRIVATE, KINDS };
struct region {
  char* at;
  size_t pages;
  enum kind kind;
  int protection;
  int fd; /* memfds */
};

static struct slot* slots;
static int me;
static uint64_t state;
static struct region regions[REGIONS];
static int region_count;
static size_t total_pages;
static const char *control_path, *data_path, *self_path;
static int uffd = -1;
static char* heap_start;
static char bss[64 * PAGE];
static uint64_t data_words[8 * 512] = {1, 2, 3};

static uint64_t next_random(void) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 2685821657736338717ULL;
}
static uint64_t below(uint64_t limit) { return limit == 0 ? 0 : (next_random() >> 16) % limit; }
static int chance(unsigned percent) { return below(100) < percent; }

static void fill_page(char* page) {
  switch (below(6)) {
    case 0:
      memset(page, 0, PAGE);
      break;
    case 1:
      memset(page, (int)next_random(), PAGE);
      break;
    case 2: {
      for (size_t i = 0; i < PAGE / 8; i++) ((uint64_t*)page)[i] = next_random();
      break;
    }
    default:
      page[below(PAGE)] = (char)next_random(); /* one byte */
  }
}

static void write_pages(char* at, size_t pages) {
  if (pages == 0) return;
  if (chance(25)) { /* all of them */
    const uint64_t value = next_random();
    for (size_t i = 0; i < pages; i++) ((uint64_t*)(at + i * PAGE))[below(512)] = value + i;
    return;
  }
  for (uint64_t i = 0, n = 1 + below(12); i < n; i++) fill_page(at + below(pages) * PAGE);
}

static void drop_region(int i) {
  if (regions[i].fd >= 0) close(regions[i].fd);
  total_pages -= regions[i].pages;
  regions[i] = regions[--region_count];
}

/* A part of a region, [from, from + n) pages. */
static void part(const struct region* r, size_t* from, size_t* n) {
  *from = below(r->pages);
  *n = 1 + below(r->pages - *from);
}

static char* map_kind(enum kind kind, char* want, size_t pages, int* fd) {
  const int fixed = want ? MAP_FIXED : 0;
  const int rw = PROT_READ | PROT_WRITE;
  *fd = -1;
  switch (kind) {
    case ANON:
    case HUGE:
      return mmap(want, pages * PAGE, rw, MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
    case SHARED:
      return mmap(want, pages * PAGE, rw, MAP_SHARED | MAP_ANONYMOUS | fixed, -1, 0);
    case FILE_PRIVATE: {
      const int file = open(data_path, O_RDONLY | O_CLOEXEC);
      char* at = mmap(want, pages * PAGE, rw, MAP_PRIVATE | fixed, file, (off_t)(below(64) * PAGE));
      close(file);
      return at;
    }
    default: {
      *fd = memfd_create("mutator", MFD_CLOEXEC);
      if (*fd < 0 || ftruncate(*fd, (off_t)(pages * PAGE)) < 0) return MAP_FAILED;
      if (kind == MEMFD_PRIVATE && pwrite(*fd, "private", 7, (off_t)(below(pages) * PAGE)) < 0)
        return MAP_FAILED;
      return mmap(want, pages * PAGE, rw, (kind == MEMFD ? MAP_SHARED : MAP_PRIVATE) | fixed, *fd, 0);
    }
  }
}

static void add_region(char* want, enum kind kind, size_t pages) {
  if (region_count == REGIONS || total_pages + pages > MAX_PAGES) return;
  struct region r = {.pages = pages, .kind = kind, .protection = PROT_READ | PROT_WRITE};
  if (kind == HUGE && !want) { /* aligned, so that huge pages fit */
    r.pages = pages = 512 * (1 + below(3));
    if (total_pages + pages > MAX_PAGES) return;
    char* room = mmap(NULL, pages * PAGE + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return;
    want = (char*)(((uintptr_t)room + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    munmap(room, pages * PAGE + HUGE_PAGE);
  }
  r.at = map_kind(kind, want, pages, &r.fd);
  if (r.at == MAP_FAILED) {
    if (r.fd >= 0) close(r.fd);
    return;
  }
  if (kind == HUGE) madvise(r.at, pages * PAGE, MADV_HUGEPAGE);
  regions[region_count++] = r;
  total_pages += pages;
  if (chance(80)) write_pages(r.at, pages);
}

static void op_write(struct region* r) {
  size_t from, n;
  part(r, &from, &n);
  if (r->protection & PROT_WRITE) write_pages(r->at + from * PAGE, n);
}

static void op_touch(const struct region* r) { /* reading populates zero pages */
  if (!(r->protection & PROT_READ)) return;
  for (int i = 0; i < 8; i++) (void)*(volatile char*)(r->at + below(r->pages) * PAGE);
}

static void op_unmap(int i) {
  struct region* r = &regions[i];
  size_t from, n;
  part(r, &from, &n);
  if (chance(50)) from = 0, n = r->pages;
  munmap(r->at + from * PAGE, n * PAGE);
  if (n == r->pages) {
    drop_region(i);
  } else if (from == 0) {
    r->at += n * PAGE, r->pages -= n, total_pages -= n;
  } else { /* the part behind the hole is given up too */
    munmap(r->at + from * PAGE, (r->pages - from) * PAGE);
    total_pages -= r->pages - from, r->pages = from;
  }
}

static void op_remap_same_place(int i) {
  char* at = regions[i].at;
  const size_t pages = regions[i].pages;
  const enum kind kind = chance(60) ? regions[i].kind : (enum kind)below(KINDS);
  if (chance(50)) munmap(at, pages * PAGE); /* else MAP_FIXED does it */
  drop_region(i);
  add_region(at, kind, pages);
}

static void op_mremap(int i) {
  struct region* r = &regions[i];
  if (r->kind == MEMFD || r->kind == MEMFD_PRIVATE) return; /* would reach past the end of the file */
  size_t pages = r->pages;
  const unsigned how = (unsigned)below(4);
  if (how == 0) pages = 1 + below(r->pages);
  if (how == 1 && r->kind != SHARED) pages = r->pages + 1 + below(64);
  if (total_pages + pages - r->pages > MAX_PAGES) return;
  char* at;
  if (how == 2) { /* over another region, or far away */
    char* room = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    at = mremap(r->at, r->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
  } else if (how == 3 && r->kind == ANON) { /* MREMAP_DONTUNMAP leaves an empty mapping behind */
    at = mremap(r->at, r->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, NULL);
    if (at != MAP_FAILED && region_count < REGIONS && total_pages + pages <= MAX_PAGES) {
      regions[region_count] = *r;
      regions[region_count++].at = at;
      total_pages += pages;
    } else if (at != MAP_FAILED) {
      munmap(at, pages * PAGE);
    }
    return;
  } else {
    at = mremap(r->at, r->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
  }
  if (at == MAP_FAILED) return;
  total_pages += pages - r->pages;
  r->at = at, r->pages = pages;
}

static void op_swap_places(int i, int j) { /* contents exchange addresses: both mappings look as before */
  struct region *a = &regions[i], *b = &regions[j];
  if (i == j || a->pages != b->pages || a->kind != ANON || b->kind != ANON || a->protection != b->protection)
    return;
  char* aside = mmap(NULL, a->pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const size_t size = a->pages * PAGE;
  mremap(a->at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, aside);
  mremap(b->at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, a->at);
  mremap(aside, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, b->at);
}

static void op_advise(const struct region* r) {
  static const int advice[] = {MADV_DONTNEED,     MADV_DONTNEED,          MADV_DONTNEED,
                               MADV_FREE,         MADV_NOHUGEPAGE,        MADV_HUGEPAGE,
                               25 /* COLLAPSE */, 22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */,
                               MADV_REMOVE};
  size_t from, n;
  part(r, &from, &n);
  if (chance(30)) from = 0, n = r->pages;
  if (r->kind == HUGE && chance(50)) from = from / 512 * 512, n = 512; /* exactly one huge page */
  if (from + n > r->pages) return;
  const int what = advice[below(sizeof advice / sizeof *advice)];
  madvise(r->at + from * PAGE, n * PAGE, what);
  if (what == MADV_FREE && (r->protection & PROT_WRITE) && chance(50)) write_pages(r->at + from * PAGE, n);
}

static void op_protect(struct region* r) {
  static const int kinds[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
                              PROT_READ | PROT_EXEC};
  r->protection = kinds[below(5)];
  mprotect(r->at, r->pages * PAGE, r->protection);
}

static void op_brk(void) {
  char* now = sbrk(0);
  if (chance(60)) {
    if (now - heap_start > 400 * (long)PAGE) return;
    const size_t pages = 1 + below(40);
    if (sbrk((intptr_t)(pages * PAGE)) != (void*)-1) write_pages(now, pages);
  } else if (now - heap_start > (long)PAGE) {
    const long pages = (now - heap_start) / (long)PAGE;
    sbrk(-(intptr_t)((1 + below((uint64_t)pages)) * PAGE));
  }
}

static __attribute__((noinline)) uint64_t op_stack(int depth) {
  volatile char frame[2 * PAGE];
  for (size_t i = 0; i < sizeof frame; i += 1 + below(PAGE)) frame[i] = (char)next_random();
  return depth > 0 ? op_stack(depth - 1) + (uint64_t)frame[0] : (uint64_t)frame[1];
}

static void op_file(const struct region* r) { /* the object changes without a store through a mapping */
  if (r->fd < 0) return;
  char page[PAGE];
  fill_page(memset(page, 7, PAGE));
  const off_t at = (off_t)(below(r->pages) * PAGE);
  if (chance(70)) {
    if (pwrite(r->fd, page, PAGE, at) < 0) return;
  } else {
    fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, (off_t)PAGE);
  }
}

/* Slots of the dead are freed by the test alone: two who free would free what was claimed in between. A claim names who made it,
 * who may be killed before it forks. */
#define CLAIMED 0x80000000U

static int claim_slot(uint32_t done) {
  for (int i = 0; i < SLOTS; i++) {
    if (slots[i].pid != 0 || !__sync_bool_compare_and_swap(&slots[i].pid, 0, CLAIMED | (uint32_t)getpid()))
      continue;
    slots[i].target = 0;
    slots[i].done = done;
    slots[i].request = slots[i].answer = 0;
    slots[i].generation = 0;
    return i;
  }
  return -1;
}

/* The kernel writes the child's PID into its slot before the child runs (clone(2), CLONE_PARENT_SETTID): the test never takes
 * a tree for stopped whose newest child it does not know. */
static void op_fork(void) {
  int used = 0;
  for (int i = 0; i < SLOTS; i++) used += slots[i].pid != 0;
  if (used >= 5) return;
  const uint64_t seed = next_random() | 1;
  const int slot = claim_slot((uint32_t)-1); /* this operation counts, for the child it is none */
  if (slot < 0) return;
  const pid_t parent = getpid();
  const long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | SIGCHLD, 0, &slots[slot].pid, 0, 0);
  if (pid < 0) slots[slot].pid = 0;
  if (pid != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0); /* it had died before that */
  state = seed;
  uffd = -1;
  me = slot;
}

static void op_exec(void) {
  char slot[16], seed[32];
  snprintf(slot, sizeof slot, "%d", me);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)(next_random() | 1));
  slots[me].done++;
  execl(self_path, self_path, control_path, data_path, seed, slot, (char*)NULL);
  _exit(1);
}

static void operation(void) {
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
  const unsigned op = (unsigned)below(100);
  slots[me].last_op = op;
  if (region_count == 0 || op < 10) {
    static const enum kind kinds[] = {ANON, ANON, ANON, HUGE, FILE_PRIVATE, SHARED, MEMFD, MEMFD_PRIVATE};
    add_region(NULL, kinds[below(8)], 1 + below(300));
    return;
  }
  const int i = (int)below((uint64_t)region_count);
  struct region* r = &regions[i];
  if (op < 45)
    op_write(r);
  else if (op < 50)
    op_touch(r);
  else if (op < 53)
    op_unmap(i);
  else if (op < 58)
    op_remap_same_place(i);
  else if (op < 63)
    op_mremap(i);
  else if (op < 65)
    op_swap_places(i, (int)below((uint64_t)region_count));
  else if (op < 77)
    op_advise(r);
  else if (op < 81)
    op_protect(r);
  else if (op < 86)
    op_brk();
  else if (op < 88)
    op_stack((int)below(12));
  else if (op < 91)
    op_file(r);
  else if (op < 94)
    fill_page(bss + below(64) * PAGE);
  else if (op < 96)
    data_words[below(8 * 512)] = next_random();
  else if (op < 98)
    op_fork();
  else if (op == 98 && chance(30))
    op_exec();
  else if (op == 99 && me != 0 && chance(40))
    _exit(0);
}

static void serve_request(void) {
  struct slot* s = &slots[me];
  if (s->request == REQUEST_UFFD) {
    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | 1 /* UFFD_USER_MODE_ONLY */);
    s->answer = uffd < 0 ? (uint32_t)(-errno) : (uint32_t)uffd;
    s->request = REQUEST_NONE;
    const struct timespec pause = {0, 20000};
    while (s->request != REQUEST_CLOSE) nanosleep(&pause, NULL); /* it is fetched now: no exec, no exit */
    close(uffd);
    uffd = -1;
  } else if (s->request == REQUEST_QUIT) {
    _exit(0);
  }
  s->request = REQUEST_NONE;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  control_path = argv[1], data_path = argv[2], self_path = argv[0];
  state = strtoull(argv[3], NULL, 10) | 1;
  const int fd = open(control_path, O_RDWR | O_CLOEXEC);
  slots = mmap(NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (slots == MAP_FAILED) return 2;
  heap_start = sbrk(0);
  if (argc > 4) {
    me = atoi(argv[4]);
    slots[me].generation++;
  } else {
    me = claim_slot(0);
    slots[me].pid = (uint32_t)getpid();
  }
  for (;;) {
    struct slot* s = &slots[me];
    if (s->request != REQUEST_NONE) serve_request();
    if (s->done != s->target) {
      operation();
      __sync_synchronize();
      slots[me].done++;
    } else {
      const struct timespec pause = {0, 20000};
      nanosleep(&pause, NULL);
    }
  }
}
