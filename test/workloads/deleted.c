// deleted DIRECTORY: mappings of files whose names are gone. Private ones with pages written and not, shared ones with and without a
// descriptor left, two processes over one of them, one in /dev/shm, one whose name now leads to another file, one that has another
// name; the executable and the library it runs, replaced as a package upgrade does it.
// @family Memory
// @turn dev-shm
// @directory
// @claim executable memory.deleted-file
// @claim exe-link memory.deleted-file
// @claim private memory.deleted-file
// @claim odd-end memory.deleted-file
// @claim replaced memory.deleted-file
// @claim shared memory.deleted-file
// @claim two-mappings memory.deleted-file
// @claim two-processes memory.deleted-file
// @claim descriptor memory.deleted-file
// @claim dev-shm memory.deleted-file
// @claim other-name memory.deleted-file
// @claim removed-directory memory.deleted-file
// @claim maps memory.deleted-file
#include <sys/stat.h>

#include "workload.h"

enum { page = 4096, size = 64 * page, odd = 5 * page + 321 };
static char path[4200], other[4200];
static uint64_t rounds;
struct both {
  uint64_t done, wrong, stop;
};
static uint64_t *shared, *again, *here, *shm;
static const char* directory;

static const char* in(const char* name) {
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}
static int file_of(const char* name, size_t bytes, uint64_t seed) {
  static char content[size];
  int fd = (int)MUST(open(in(name), O_RDWR | O_CREAT | O_TRUNC, 0640));
  fill_pattern(content, (bytes + 7) / 8 * 8, seed);
  EXPECT("bytes", (long long)bytes, MUST(write(fd, content, bytes)));
  return fd;
}
static void* map(int rights, int flags, int fd) {
  void* at = mmap(NULL, size, rights, flags, fd, 0);
  if (at == MAP_FAILED) fail("mmap: expected an address got %s", strerror(errno));
  return at;
}
// A page of each mapping that can be written, always the same pattern in the end.
static void write_some(void) {
  rounds++;
  size_t at = rounds % 64 * (page / 8);
  memset(shared + at, 0x5a, page);
  fill_pattern(shared + at, page, 30 + at);
  memset(here + at, 0x5a, page);
  fill_pattern(here + at, page, 10 + at);
  memset(shm + at, 0x5a, page);
  fill_pattern(shm + at, page, 60 + at);
}

// Runs a copy of itself, which is then replaced by another file of its name, as its C library would be by an upgrade.
static void become_a_copy(char** argv) {
  if (getenv("WORKLOAD_COPY") != NULL) return;
  static char buffer[1 << 20];
  int from = (int)MUST(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
      to = (int)MUST(open(in("deleted-program"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));
  for (ssize_t n; (n = MUST(read(from, buffer, sizeof buffer))) > 0;) MUST(write(to, buffer, (size_t)n));
  close(to);
  setenv("WORKLOAD_COPY", "1", 1);
  MUST(execv(path, argv));
}

static bool is_deleted(const void* address) {
  FILE* maps = fopen("/proc/self/maps", "re");
  char line[8192];
  bool found = false;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    unsigned long start, end;
    sscanf(line, "%lx-%lx", &start, &end);
    if ((unsigned long)address >= start && (unsigned long)address < end)
      found = strstr(line, " (deleted)") != NULL;
  }
  if (maps != NULL) fclose(maps);
  return found;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  directory = argv[1];
  become_a_copy(argv);
  listen_for_stop();
  const int rw = PROT_READ | PROT_WRITE;
  MUST(unlink(in("deleted-program")));
  close(file_of("deleted-program", 100, 1));  // "the upgrade"
  int fd = file_of("private", size, 10);
  here = map(rw, MAP_PRIVATE, fd);
  uint64_t* clean = map(PROT_READ, MAP_PRIVATE, fd);
  close(fd);
  MUST(unlink(path));
  for (size_t i = 0; i < 64; i += 3) fill_pattern(here + i * (page / 8), page, 10 + i * (page / 8));
  fd = file_of("odd", odd, 20);
  char* short_one = map(PROT_READ, MAP_PRIVATE, fd);
  close(fd);
  MUST(unlink(path));
  fd = file_of("replaced", size, 25);
  uint64_t* replaced = map(PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
  close(fd);
  fd = file_of("new", size, 26);
  close(fd);
  snprintf(other, sizeof other, "%s/replaced", directory);
  MUST(rename(path, other));
  fd = file_of("shared", size, 30);
  shared = map(rw, MAP_SHARED, fd);
  again = map(PROT_READ, MAP_SHARED, fd);
  close(fd);
  MUST(unlink(path));
  int kept = file_of("kept", size, 40), view = (int)MUST(open(path, O_RDONLY));
  uint64_t* through = map(PROT_READ, MAP_SHARED, view);
  close(view);
  MUST(unlink(path));
  snprintf(other, sizeof other, "/workload-%d", (int)getpid());
  fd = (int)MUST(shm_open(other, O_RDWR | O_CREAT | O_EXCL, 0600));
  MUST(ftruncate(fd, size));
  shm = map(rw, MAP_SHARED, fd);
  close(fd);
  MUST(shm_unlink(other));
  fill_pattern(shm, size, 60);
  fd = file_of("first-name", size, 70);
  snprintf(other, sizeof other, "%s/second-name", directory);
  MUST(link(path, other));
  uint64_t* linked = map(rw, MAP_SHARED, fd);
  close(fd);
  MUST(unlink(in("first-name")));
  MUST(mkdir(in("removed"), 0700));
  fd = file_of("removed/file", size, 80);
  uint64_t* removed = map(PROT_READ, MAP_PRIVATE, fd);
  close(fd);
  MUST(unlink(path));
  MUST(rmdir(in("removed")));
  struct both* both = NULL;
  fd = file_of("both", size, 0);
  both = map(rw, MAP_SHARED, fd);
  close(fd);
  MUST(unlink(path));
  memset(both, 0, sizeof *both);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    while (__atomic_load_n(&both->stop, __ATOMIC_ACQUIRE) == 0) {
      __atomic_add_fetch(&both->done, 1, __ATOMIC_ACQ_REL);
      usleep(2000);
    }
    _exit(0);
  }
  motion = write_some;
  say_ready();
  wait_for_stop();

  claim("executable");
  void (*code)(void) = (void (*)(void))write_some;
  code();
  char exe[4200] = "";
  ssize_t length = MUST(readlink("/proc/self/exe", exe, sizeof exe - 1));
  struct stat stat_, own;
  claim("exe-link");
  MUST(stat("/proc/self/exe", &own));
  if (length < 11 || strcmp(exe + length - 10, " (deleted)") != 0 || own.st_nlink != 0)
    disprove("exe-link", "expected a deleted file got %s", exe);
  char magic[4] = "";
  fd = (int)MUST(open("/proc/self/exe", O_RDONLY));
  MUST(pread(fd, magic, 4, 0));
  if (memcmp(magic, "\177ELF", 4) != 0) disprove("exe-link", "expected a program got something else");
  close(fd);
  if (open("/proc/self/exe", O_WRONLY) != -1 || errno != ETXTBSY)
    disprove("exe-link", "expected ETXTBSY got another answer");
  claim("private");
  check_pattern("clean private pages", clean, size, 10);
  check_pattern("private pages", here, size, 10);
  here[1] = 99;
  if (clean[1] == 99) disprove("private", "expected memory of its own got shared memory");
  claim("odd-end");
  static char expected[size];
  fill_pattern(expected, (odd + 7) / 8 * 8, 20);
  memset(expected + odd, 0, page);
  prove_bytes("odd-end", expected, short_one, 6 * page);
  claim("replaced");
  check_pattern("the replaced file", replaced, size, 25);
  claim("shared");
  check_pattern("shared pages", shared, size, 30);
  claim("two-mappings");
  shared[777] = 4711;
  PROVE("two-mappings", 4711, again[777]);
  claim("descriptor");
  check_pattern("the file that is open", through, size, 40);
  uint64_t word = 815;
  MUST(pwrite(kept, &word, 8, 8000));
  MUST(fstat(kept, &stat_));
  if (through[1000] != 815 || stat_.st_nlink != 0)
    disprove("descriptor", "expected 815 got %lld", (long long)through[1000]);
  if (mprotect(through, size, rw) == 0)
    disprove("descriptor", "expected EACCES got a mapping that can be written");
  claim("dev-shm");
  check_pattern("memory of /dev/shm", shm, size, 60);
  claim("other-name");
  check_pattern("the file with another name", linked, size, 70);
  linked[5] = 123;
  fd = (int)MUST(open(in("second-name"), O_RDONLY));
  MUST(pread(fd, &word, 8, 40));
  PROVE("other-name", 123, word);
  claim("removed-directory");
  check_pattern("the file of a removed directory", removed, size, 80);
  claim("two-processes");
  uint64_t before = __atomic_load_n(&both->done, __ATOMIC_ACQUIRE);
  for (int i = 0; i < 5000 && __atomic_load_n(&both->done, __ATOMIC_ACQUIRE) == before; i++) usleep(1000);
  if (__atomic_load_n(&both->done, __ATOMIC_ACQUIRE) == before)
    disprove("two-processes", "expected a child that counts got none");
  __atomic_store_n(&both->stop, 1, __ATOMIC_RELEASE);
  int status;
  EXPECT("child", child, MUST(waitpid(child, &status, 0)));
  EXPECT("its status", 0, status);
  claim("maps");
  const void* gone[] = {(void*)code, here,    clean, short_one, replaced, shared,
                        again,       through, shm,   removed,   both};
  for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
    if (!is_deleted(gone[i])) disprove("maps", "expected (deleted) at mapping %zu", i);
  return say_ok();
}
