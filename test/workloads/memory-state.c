// What the kernel remembers of each mapping: protection, advice, locks, names; and kinds of memory of which there is one each:
// /dev/zero, memfds with seals, /dev/shm, an AIO ring, pages shared with children by inheritance.
// @family Memory
// @turn dev-shm
// @directory
// @claim protections memory.anonymous
// @claim dontfork memory.madvise
// @claim wipeonfork memory.madvise
// @claim dontdump memory.madvise
// @claim hugepage memory.madvise
// @claim nohugepage memory.madvise
// @claim mergeable memory.madvise
// @claim sequential memory.madvise
// @claim random memory.madvise
// @claim locked memory.mlock
// @claim lock-on-fault memory.mlock
// @claim named memory.names
// @claim dev-zero-shared memory.dev-zero
// @claim dev-zero-private memory.dev-zero-private
// @claim dev-shm memory.dev-shm
// @claim memfd-sealed-write memory.memfd
// @claim memfd-seals memory.memfd
// @claim memfd-size memory.memfd
// @claim memfd-future-write memory.memfd
// @claim aio memory.aio
// @claim clock-read memory.vdso
// @claim self-modifying memory.code
// @claim dontfork-holds memory.madvise
// @claim wipeonfork-holds memory.madvise
// @claim inherited memory.cow
#include <linux/aio_abi.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "workload.h"

enum { page = 4096, size = 8 * page };
static const int rw = PROT_READ | PROT_WRITE, anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

static char* map(int rights, int flags, int fd) {
  char* at = mmap(NULL, size, rights, flags, fd, 0);
  if (at == MAP_FAILED) fail("mmap: expected an address got %s", strerror(errno));
  return at;
}
// The first line of smaps or maps about an address: its rights, and its flags of /proc/PID/smaps.
static void about(const void* at, char* text, size_t length) {
  char line[512];
  bool inside = false;
  FILE* file = fopen("/proc/self/smaps", "re");
  text[0] = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    unsigned long start, end;
    char rights[8], colon;
    if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 &&
        sscanf(line, "%*[A-Za-z_]%c", &colon) != 1) {
      inside = (unsigned long)at >= start && (unsigned long)at < end;
      if (inside) snprintf(text, length, "%s ", rights);
    }
    if (inside && strncmp(line, "VmFlags:", 8) == 0)
      snprintf(text + strlen(text), length - strlen(text), "%s", line + 9);
  }
  if (file != NULL) fclose(file);
  const char* const private_flags[] = {" sd", " ac"};  // soft-dirty and accounting are the kernel's business
  for (int i = 0; i < 2; i++) {
    char* flag = strstr(text, private_flags[i]);
    if (flag != NULL) memmove(flag, flag + 3, strlen(flag + 3) + 1);
  }
}
struct advised {
  const char* claim;
  int advice;
  char* at;
  char before[256], after[256];
};
static struct advised advised[] = {
    {.claim = "dontfork", .advice = MADV_DONTFORK},     {.claim = "wipeonfork", .advice = MADV_WIPEONFORK},
    {.claim = "dontdump", .advice = MADV_DONTDUMP},     {.claim = "hugepage", .advice = MADV_HUGEPAGE},
    {.claim = "nohugepage", .advice = MADV_NOHUGEPAGE}, {.claim = "mergeable", .advice = MADV_MERGEABLE},
    {.claim = "sequential", .advice = MADV_SEQUENTIAL}, {.claim = "random", .advice = MADV_RANDOM}};
enum { advices = sizeof advised / sizeof *advised };

static int memfd(const char* name, off_t length, int seals) {
  int fd = (int)MUST(memfd_create(name, MFD_ALLOW_SEALING));
  MUST(ftruncate(fd, length));
  MUST(write(fd, "sealed", 6));
  MUST(fcntl(fd, F_ADD_SEALS, seals));
  return fd;
}
static volatile bool faulted;
static void on_fault(int signal) {
  (void)signal;
  faulted = true;
  _exit(77);
}
// What a child sees at an address: 0 nothing mapped, else 1 + its first byte.
static int seen_by_child(const char* at) {
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    signal(SIGSEGV, on_fault);
    _exit(1 + *(const volatile char*)at);
  }
  int status;
  MUST(waitpid(child, &status, 0));
  return WEXITSTATUS(status) == 77 ? 0 : WEXITSTATUS(status);
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  int rights[] = {PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_EXEC, rw, rw | PROT_EXEC};
  char *with[6], was[6][256], is[256];
  for (int i = 0; i < 6; i++) {
    with[i] = map(rw, anonymous, -1);
    fill_pattern(with[i], size, (uint64_t)i);
    MUST(mprotect(with[i] + page, size - 2 * page, rights[i]));
  }
  for (int i = 0; i < advices; i++) {
    advised[i].at = map(rw, anonymous, -1) + page;
    fill_pattern(advised[i].at, page, 50);
    advised[i].at[0] = 5;
    madvise(advised[i].at, size - 2 * page, advised[i].advice);  // a kernel without it stays as it was
  }
  char *locked = map(rw, anonymous, -1), *on_fault_locked = map(rw, anonymous, -1),
       *named = map(rw, anonymous, -1);
  MUST(mlock(locked + page, page));
  syscall(SYS_mlock2, on_fault_locked + page, page, 1);
  bool names = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, named, size, "a name of its own") == 0;
  int zero = (int)MUST(open("/dev/zero", O_RDWR));
  char* zero_shared = map(rw, MAP_SHARED, zero);
  char *zero_private = map(rw, MAP_PRIVATE, zero), *zero_child = map(rw, MAP_PRIVATE, zero);
  fill_pattern(zero_private + 2 * page, page, 24);
  fill_pattern(zero_child, page, 25);
  close(zero);
  fill_pattern(zero_shared, size, 22);
  char shm_name[64];
  snprintf(shm_name, sizeof shm_name, "%s/in-shared-memory", argv[1]);
  int shm = (int)MUST(open(shm_name, O_RDWR | O_CREAT, 0600));
  MUST(ftruncate(shm, size));
  char* shared = map(rw, MAP_SHARED, shm);
  fill_pattern(shared, size, 23);
  int sealed = memfd("no writes", 12345, F_SEAL_WRITE | F_SEAL_SHRINK),
      all = memfd("all", 100, F_SEAL_SEAL | F_SEAL_GROW);
  int future = (int)MUST(memfd_create("future", MFD_ALLOW_SEALING));
  MUST(ftruncate(future, size));
  char* before_seal = map(rw, MAP_SHARED, future);
  MUST(fcntl(future, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
  aio_context_t ring = 0;
  bool aio = syscall(SYS_io_setup, 8, &ring) == 0;
  char* code = map(rw | PROT_EXEC, anonymous, -1);
  memcpy(code, "\xb8\x07\x00\x00\x00\xc3", 6);  // mov eax, 7; ret
  char* inherited = map(rw, anonymous, -1);
  fill_pattern(inherited, size, 25);
  inherited[0] = 9;
  for (int i = 0; i < 6; i++) about(with[i] + page, was[i], sizeof was[i]);
  for (int i = 0; i < advices; i++) about(advised[i].at, advised[i].before, sizeof advised[i].before);
  char lock_was[256], fault_was[256];
  about(locked + page, lock_was, sizeof lock_was);
  about(on_fault_locked + page, fault_was, sizeof fault_was);
  say_ready();
  wait_for_stop();

  claim("protections");
  for (int i = 0; i < 6; i++) {
    about(with[i] + page, is, sizeof is);
    EXPECT_TEXT("a mapping", was[i], is);
    MUST(mprotect(with[i], size, PROT_READ));
    check_pattern("its content", with[i], size, (uint64_t)i);
  }
  for (int i = 0; i < advices; i++) {
    about(advised[i].at, advised[i].after, sizeof advised[i].after);
    prove_text(advised[i].claim, advised[i].before, advised[i].after);
  }
  about(locked + page, is, sizeof is);
  prove_text("locked", lock_was, is);
  about(on_fault_locked + page, is, sizeof is);
  prove_text("lock-on-fault", fault_was, is);
  FILE* maps = fopen("/proc/self/maps", "re");
  bool has_name = false;
  char line[512];
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    has_name = has_name || strstr(line, "[anon:a name of its own]");
  PROVE("named", names, has_name);
  claim("dev-zero-shared");
  check_pattern("its pages", zero_shared, size, 22);
  claim("dev-zero-private");
  EXPECT("an untouched page", 0, zero_private[page]);
  check_pattern("its pages", zero_private + 2 * page, page, 24);
  check_pattern("pages of another mapping", zero_child, page, 25);
  has_name = false;
  maps = maps == NULL ? NULL : freopen("/proc/self/maps", "re", maps);
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    has_name = has_name || (strtoul(line, NULL, 16) <= (unsigned long)zero_private &&
                            strstr(line, "-p 000") != NULL && strstr(line, " /dev/zero\n") != NULL);
  EXPECT("the name of the device", true, has_name);
  MUST(madvise(zero_private, size, MADV_DONTNEED));
  EXPECT("a page that was given back", 0, zero_private[2 * page]);
  claim("dev-shm");
  check_pattern("its pages", shared, size, 23);
  char byte = 66;
  MUST(pwrite(shm, &byte, 1, page));
  EXPECT("a write through the file", 66, shared[page]);
  claim("memfd-sealed-write");
  EXPECT("a write", -1, pwrite(sealed, "x", 1, 0));
  EXPECT("its errno", EPERM, errno);
  PROVE("memfd-seals", F_SEAL_SEAL | F_SEAL_GROW, fcntl(all, F_GET_SEALS));
  struct stat stat;
  MUST(fstat(sealed, &stat));
  PROVE("memfd-size", 12345, stat.st_size);
  claim("memfd-future-write");
  EXPECT("seals", F_SEAL_FUTURE_WRITE, fcntl(future, F_GET_SEALS) & F_SEAL_FUTURE_WRITE);
  before_seal[0] = 3;
  MUST(pread(future, &byte, 1, 0));
  EXPECT("a write through the older mapping", 3, byte);
  claim("aio");
  struct iocb read_it = {.aio_fildes = (uint32_t)shm,
                         .aio_lio_opcode = IOCB_CMD_PREAD,
                         .aio_buf = (uint64_t)(uintptr_t)&byte,
                         .aio_nbytes = 1,
                         .aio_offset = page};
  struct iocb* list[] = {&read_it};
  struct io_event event = {0};
  if (aio) EXPECT("submitted", 1, syscall(SYS_io_submit, ring, 1, list));
  if (aio) EXPECT("finished", 1, syscall(SYS_io_getevents, ring, 1, 1, &event, NULL));
  if (aio) EXPECT("bytes", 1, event.res);
  struct timespec by_vdso, by_kernel;
  MUST(clock_gettime(CLOCK_MONOTONIC, &by_vdso));
  MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &by_kernel));
  prove_between("clock-read", 0, 1000,
                (by_kernel.tv_sec - by_vdso.tv_sec) * 1000 + (by_kernel.tv_nsec - by_vdso.tv_nsec) / 1000000);
  claim("self-modifying");
  EXPECT("code", 7, ((int (*)(void))(intptr_t)code)());
  code[1] = 8;
  EXPECT("changed code", 8, ((int (*)(void))(intptr_t)code)());
  PROVE("dontfork-holds", 0, seen_by_child(advised[0].at));
  PROVE("wipeonfork-holds", 1, seen_by_child(advised[1].at));
  PROVE("inherited", 10, seen_by_child(inherited));
  return say_ok();
}
