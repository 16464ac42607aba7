// Memory in use all over, faster than a slow wire takes it, for what follows when the tree runs already (post-copy): writers at random
// places, and threads that do with their memory whatever changes what is missing: fork and write on both sides, move it about (mremap), give
// pages back (madvise, munmap), and let the kernel read and write it (read(2), write(2) of a pipe). later MIB WRITERS CHILDREN; each child does the
// same with its copy. Every page is checked each time it is used, and all of them at the end. Each SIGUSR2 tells "done N N N N N": rounds of each.
// @family Memory
// @apart
#include <pthread.h>
#include <sys/prctl.h>

#include "workload.h"

enum { page = 4096, most_writers = 8, most_children = 8, part_pages = 1024, run_pages = 32, kinds = 5 };

// Pages of one thread; version 0: zeros.
struct part {
  char* at;
  size_t pages;
  uint32_t* versions;
  uint64_t seed, random;
};

static volatile sig_atomic_t stopping;
static _Atomic uint64_t done[kinds];
static struct part writers[most_writers], forks, moves, pieces, gifts, pipes;
static int writer_count;

static uint64_t next_random(struct part* part) { return part->random = mix(part->random); }
static size_t any_page(struct part* part) { return next_random(part) % part->pages; }
static uint64_t seed_of(const struct part* part, size_t i) {
  return part->seed + ((uint64_t)i << 40) + ((uint64_t)part->versions[i] << 12);
}

static void check_page(const char* what, const struct part* part, size_t i) {
  static const char zeros[page];
  const char* at = part->at + i * page;
  if (part->versions[i] != 0) check_pattern(what, at, page, seed_of(part, i));
  else if (memcmp(at, zeros, page) != 0) fail("%s: page %zu expected zeros got something", what, i);
}

static void write_page(struct part* part, size_t i) {
  part->versions[i]++;
  fill_pattern(part->at + i * page, page, seed_of(part, i));
}

static void check_all(const char* what, const struct part* part) {
  for (size_t i = 0; i < part->pages; i++) check_page(what, part, i);
}

static char* map_pages(size_t pages) {
  char* at = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("memory: not there");
  return at;
}

static void make_part(struct part* part, size_t pages, uint64_t seed) {
  *part = (struct part){.at = map_pages(pages), .pages = pages, .seed = seed << 56, .random = seed};
  part->versions = calloc(pages, sizeof *part->versions);
  for (size_t i = 0; i < pages; i++) write_page(part, i);
}

static void* write_pages(void* arg) {
  struct part* part = arg;
  while (!stopping) {
    for (int i = 0; i < 64; i++) {
      const size_t at = any_page(part);
      check_page("written page", part, at);
      write_page(part, at);
    }
    done[0]++;
  }
  return NULL;
}

static void* fork_and_write(void* arg) {
  for (; !stopping; done[1]++) {
    for (int i = 0; i < run_pages; i++) write_page(&forks, any_page(&forks));
    const pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
      for (int i = 0; i < 4 * run_pages; i++) {
        const size_t at = any_page(&forks);
        check_page("page of a child", &forks, at);
        write_page(&forks, at);
      }
      _exit(0);
    }
    for (int i = 0; i < run_pages; i++) write_page(&forks, any_page(&forks));
    int status = 0;
    EXPECT("child", child, MUST(waitpid(child, &status, 0)));
    EXPECT("how the child ended", 0, status);
    for (int i = 0; i < run_pages; i++) check_page("page beside a child", &forks, any_page(&forks));
    usleep(2000);
  }
  return arg;
}

// What is moved in pieces stays in pieces: mremap(2) of all of it would fail, also by the tracker's doing.
static void move_one(void) {
  const size_t i = any_page(&pieces);
  char *from = pieces.at + i * page, *elsewhere = map_pages(1);
  if (mremap(from, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) != elsewhere)
    fail("mremap away: %s", strerror(errno));
  check_pattern("page that is elsewhere", elsewhere, page, seed_of(&pieces, i));
  if (mremap(elsewhere, page, page, MREMAP_MAYMOVE | MREMAP_FIXED, from) != from)
    fail("mremap back: %s", strerror(errno));
  write_page(&pieces, i);
}

static void* move_about(void* arg) {
  for (; !stopping; done[2]++) {
    char* elsewhere = map_pages(moves.pages);
    const size_t size = moves.pages * page;
    if (mremap(moves.at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) != elsewhere)
      fail("mremap: %s", strerror(errno));
    moves.at = elsewhere;
    for (int i = 0; i < run_pages; i++) {
      const size_t at = any_page(&moves);
      check_page("page that was moved", &moves, at);
      write_page(&moves, at);
    }
    move_one();
    usleep(1000);
  }
  return arg;
}

static void* give_back(void* arg) {
  for (; !stopping; done[3]++) {
    const size_t first = any_page(&gifts);
    size_t count = 1 + any_page(&gifts) % run_pages;
    if (first + count > gifts.pages) count = gifts.pages - first;
    char* at = gifts.at + first * page;
    if (next_random(&gifts) % 4 != 0) {
      MUST(madvise(at, count * page, MADV_DONTNEED));
    } else {
      if (mmap(at, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
          at)
        fail("mmap: %s", strerror(errno));
    }
    memset(gifts.versions + first, 0, count * sizeof *gifts.versions);
    for (size_t i = first; i < first + count; i += 3) check_page("given back", &gifts, i);
    for (int i = 0; i < run_pages; i++) {
      const size_t some = any_page(&gifts);
      check_page("beside what was given back", &gifts, some);
      write_page(&gifts, some);
    }
    usleep(500);
  }
  return arg;
}

// The kernel reads pages and writes them: what a thread of the kernel touches for a process has to wait, too.
static void* through_pipe(void* arg) {
  int ends[2];
  MUST(pipe(ends));
  for (; !stopping; done[4]++) {
    const size_t from = any_page(&pipes), to = any_page(&pipes);
    if (from == to) continue;
    EXPECT("written", page, MUST(write(ends[1], pipes.at + from * page, page)));
    EXPECT("read", page, MUST(read(ends[0], pipes.at + to * page, page)));
    if (memcmp(pipes.at + from * page, pipes.at + to * page, page) != 0)
      fail("through the pipe: not the same");
    check_page("page through the pipe", &pipes, from);
    write_page(&pipes, to);
    usleep(100);
  }
  return arg;
}

static void tell(int signal) {
  (void)signal;
  say("done %llu %llu %llu %llu %llu\n", (unsigned long long)done[0], (unsigned long long)done[1],
      (unsigned long long)done[2], (unsigned long long)done[3], (unsigned long long)done[4]);
}

static void work(const sigset_t* open) {
  sigset_t all, old;
  sigfillset(&all);
  MUST0(pthread_sigmask(SIG_SETMASK, &all, &old));
  pthread_t threads[most_writers + 4];
  void* (*const others[])(void*) = {fork_and_write, move_about, give_back, through_pipe};
  for (int i = 0; i < 4; i++) MUST0(pthread_create(&threads[i], NULL, others[i], NULL));
  for (int i = 0; i < writer_count; i++)
    MUST0(pthread_create(&threads[4 + i], NULL, write_pages, &writers[i]));
  while (!stop_wanted) sigsuspend(open);
  stopping = 1;
  for (int i = 0; i < 4 + writer_count; i++) MUST0(pthread_join(threads[i], NULL));
  for (int i = 0; i < writer_count; i++) check_all("page at the end", &writers[i]);
  check_all("page for children", &forks);
  check_all("moved page at the end", &moves);
  check_all("piece at the end", &pieces);
  check_all("given back, at the end", &gifts);
  check_all("page of the pipe", &pipes);
  for (int i = 0; i < kinds; i++)
    if (done[i] == 0) fail("rounds of kind %d: expected some got none", i);
}

int main(int argc, char** argv) {
  const size_t mib = argc > 1 ? (size_t)atol(argv[1]) : 16;
  writer_count = argc > 2 ? atoi(argv[2]) : 1;
  const int children = argc > 3 ? atoi(argv[3]) : 0;
  if (writer_count < 1 || writer_count > most_writers || children > most_children) fail("arguments");
  for (int i = 0; i < writer_count; i++)
    make_part(&writers[i], mib * 256 / (size_t)writer_count, (uint64_t)i + 1);
  struct part* const parts[] = {&forks, &moves, &gifts, &pipes, &pieces};
  for (size_t i = 0; i < 5; i++) make_part(parts[i], i == 4 ? 64 : part_pages, 100 + i);
  struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGUSR2, &action, NULL));
  listen_for_stop();
  sigset_t own, open;
  sigemptyset(&own);
  sigaddset(&own, SIGUSR1);
  sigprocmask(SIG_BLOCK, &own, &open);
  pid_t pids[most_children];
  for (int i = 0; i < children; i++) {
    pids[i] = (pid_t)MUST(fork());
    if (pids[i] > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work(&open);
    _exit(0);
  }
  say_ready();
  work(&open);
  for (int i = 0; i < children; i++) {
    int status = 0;
    kill(pids[i], SIGUSR1);
    EXPECT("child", pids[i], MUST(waitpid(pids[i], &status, 0)));
    EXPECT("how a child ended", 0, status);
  }
  return say_ok();
}
