// POSIX record locks, which belong to processes: exclusive and shared, to the end of the file, of a parent and a child over one open
// file, of a file without a name. And waiters for each kind of lock, which must not get it before its holder lets go. And a read lease that tells of its break.
// @family Files
// @directory
// @claim record files.posix-lock
// @claim record-owner files.posix-lock
// @claim record-shared files.posix-lock
// @claim record-gap files.posix-lock
// @claim record-to-end files.posix-lock
// @claim record-of-child files.posix-lock
// @claim record-nameless files.posix-lock
// @claim record-two-descriptors files.posix-lock
// @claim record-dropped-by-close files.posix-lock
// @claim flock-directory files.flock
// @claim flock-fifo files.flock
// @claim flock-pipe files.flock
// @claim flock-memfd files.flock
// @claim flock-device files.flock
// @claim range-memfd files.ofd-lock
// @claim record-memfd files.posix-lock
// @claim lease files.lease
// @claim lease-break files.lease
// @claim wait-flock calls.locks
// @claim wait-flock-shared calls.locks
// @claim wait-record calls.locks
// @claim wait-range calls.locks
#include <sys/file.h>
#include <sys/stat.h>

#include "workload.h"

static volatile sig_atomic_t broken_fd = -1;
static void on_break(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  broken_fd = info->si_fd;
}

enum { flock_all, flock_shared, record, range, kinds };
static const char* const claims[] = {"wait-flock", "wait-flock-shared", "wait-record", "wait-range"};
struct shared {
  _Atomic bool waiting[kinds], released[kinds], early[kinds];
};
static struct shared* shared;

static struct flock part(short type, off_t start, off_t length) {
  return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}
static void lock(int fd, short type, off_t start, off_t length) {
  struct flock wanted = part(type, start, length);
  MUST(fcntl(fd, F_SETLK, &wanted));
}
static int open_new(const char* name) { return (int)MUST(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }

// What stands in the way of a lock, as a process sees it that has none: 0 when nothing does.
struct seen {
  short type;
  pid_t pid;
  off_t start, length;
};
static struct seen ask(int fd, short type, off_t start, off_t length) {
  int answer[2];
  MUST(pipe(answer));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    struct flock wanted = part(type, start, length);
    if (fcntl(fd, F_GETLK, &wanted) == -1) _exit(1);
    struct seen seen = {wanted.l_type, wanted.l_pid, wanted.l_start, wanted.l_len};
    _exit(write(answer[1], &seen, sizeof seen) == sizeof seen ? 0 : 1);
  }
  struct seen seen = {0};
  MUST(close(answer[1]));
  EXPECT("answer", sizeof seen, read(answer[0], &seen, sizeof seen));
  MUST(close(answer[0]));
  MUST(waitpid(child, NULL, 0));
  return seen;
}
static void expect_lock(int fd, short type, pid_t pid, off_t start, off_t length) {
  struct seen seen = ask(fd, F_WRLCK, start, length);
  EXPECT("type", type, seen.type);
  EXPECT("start", start, seen.start);
  EXPECT("length", length, seen.length);
  EXPECT("owner", pid, seen.pid);
}

// Locks on what is no regular file with a name. Another open file of the same must not get them.
enum { on_directory, on_fifo, on_pipe, on_memfd, on_device, odd_kinds };
static const char* const odd_claims[] = {"flock-directory", "flock-fifo", "flock-pipe", "flock-memfd",
                                         "flock-device"};
static int odd[odd_kinds], odd_ranges, odd_records;
static int open_again(int fd) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return (int)MUST(open(path, O_RDONLY | O_NONBLOCK));
}
static void lock_odd_ones(void) {
  int ends[2];
  struct flock some = part(F_WRLCK, 5, 10);
  MUST(mkdir("directory", 0700));
  MUST(mkfifo("fifo", 0600));
  MUST(pipe(ends));
  odd[on_directory] = (int)MUST(open("directory", O_RDONLY | O_DIRECTORY));
  odd[on_fifo] = (int)MUST(open("fifo", O_RDWR));
  odd[on_pipe] = ends[0];
  odd[on_memfd] = (int)MUST(memfd_create("locked", 0));
  odd[on_device] = (int)MUST(open("/dev/full", O_RDWR));
  for (int i = 0; i < odd_kinds; i++) MUST(flock(odd[i], i == on_device ? LOCK_SH : LOCK_EX));
  odd_ranges = (int)MUST(memfd_create("ranges", 0));
  MUST(fcntl(odd_ranges, F_OFD_SETLK, &some));
  odd_records = (int)MUST(memfd_create("records", 0));
  MUST(fcntl(odd_records, F_SETLK, &some));
}
static void check_odd_ones(void) {
  for (int i = 0; i < odd_kinds; i++) {
    int other = open_again(odd[i]);
    PROVE(odd_claims[i], -EWOULDBLOCK, flock(other, LOCK_EX | LOCK_NB) == -1 ? -errno : 0);
    MUST(close(other));
  }
  struct flock all = part(F_WRLCK, 0, 0);
  MUST(fcntl(odd_ranges, F_OFD_GETLK, &all) == 0 && all.l_type == F_UNLCK ? 0 : -1);  // its own
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", odd_ranges);
  int other = (int)MUST(open(path, O_RDWR));
  all = part(F_WRLCK, 0, 0);
  MUST(fcntl(other, F_OFD_GETLK, &all));
  PROVE("range-memfd", 5, all.l_type == F_WRLCK && all.l_len == 10 ? all.l_start : -1);
  MUST(close(other));
  struct seen seen = ask(odd_records, F_WRLCK, 0, 0);
  PROVE("record-memfd", getpid(), seen.type == F_WRLCK && seen.start == 5 ? seen.pid : -1);
}

static void take(int kind, const char* name, bool hold) {
  struct flock all = part(F_WRLCK, 0, 0);
  int fd = open_new(name);
  switch (kind) {
    case flock_all: MUST(flock(fd, LOCK_EX)); return;
    case flock_shared: MUST(flock(fd, hold ? LOCK_EX : LOCK_SH)); return;
    case record: MUST(fcntl(fd, F_SETLKW, &all)); return;
    default: MUST(fcntl(fd, F_OFD_SETLKW, &all));
  }
}
static void let_go(int kind, int fd) {
  struct flock all = part(F_UNLCK, 0, 0);
  if (kind == record) MUST(fcntl(fd, F_SETLK, &all));
  else if (kind == range) MUST(fcntl(fd, F_OFD_SETLK, &all));
  else MUST(flock(fd, LOCK_UN));
}
static pid_t start_waiter(int kind) {
  pid_t child = (pid_t)MUST(fork());
  if (child != 0) return child;
  shared->waiting[kind] = true;
  take(kind, claims[kind], false);
  if (!shared->released[kind]) shared->early[kind] = true;
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int fd = open_new("records"), gone = open_new("gone"), twice = open_new("twice");
  lock(fd, F_WRLCK, 10, 5);
  lock(fd, F_RDLCK, 20, 7);
  lock(fd, F_WRLCK, 1000, 0);
  MUST(unlink("gone"));
  lock(gone, F_WRLCK, 3, 4);
  int again = (int)MUST(open("twice", O_RDWR)), copy = (int)MUST(dup(twice));
  lock(twice, F_WRLCK, 0, 10);
  lock(again, F_WRLCK, 50, 10);
  struct sigaction action = {.sa_sigaction = on_break, .sa_flags = SA_SIGINFO | SA_RESTART};
  MUST(sigaction(SIGRTMIN + 3, &action, NULL));
  MUST(close(open_new("leased")));
  int leased = (int)MUST(open("leased", O_RDONLY));
  MUST(fcntl(leased, F_SETSIG, SIGRTMIN + 3));
  MUST(fcntl(leased, F_SETLEASE, F_RDLCK));
  int told[2], tell[2];
  MUST(pipe(told));
  MUST(pipe(tell));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    char byte;
    lock(fd, F_WRLCK, 200, 100);
    MUST(write(told[1], "x", 1));
    MUST(read(tell[0], &byte, 1));
    _exit(0);
  }
  char byte;
  MUST(read(told[0], &byte, 1));
  int held[kinds];
  pid_t waiter[kinds];
  // The waiters first: they are the tree's first processes to go on. Each waits behind a lock of this one.
  for (int i = 0; i < kinds; i++) {
    held[i] = open_new(claims[i]);
    struct flock all = part(F_WRLCK, 0, 0);
    if (i == record) MUST(fcntl(held[i], F_SETLK, &all));
    else if (i == range) MUST(fcntl(held[i], F_OFD_SETLK, &all));
    else MUST(flock(held[i], LOCK_EX));
    waiter[i] = start_waiter(i);
    while (!shared->waiting[i]) usleep(1000);
  }
  usleep(50000);
  lock_odd_ones();
  say_ready();
  wait_for_stop();
  check_odd_ones();

  pid_t self = getpid();
  claim("record");
  expect_lock(fd, F_WRLCK, self, 10, 5);
  PROVE("record-owner", self, ask(fd, F_RDLCK, 12, 1).pid);
  claim("record-shared");
  expect_lock(fd, F_RDLCK, self, 20, 7);
  EXPECT("for a reader", F_UNLCK, ask(fd, F_RDLCK, 20, 7).type);
  PROVE("record-gap", F_UNLCK, ask(fd, F_WRLCK, 15, 5).type);
  claim("record-to-end");
  expect_lock(fd, F_WRLCK, self, 1000, 0);
  claim("record-of-child");
  expect_lock(fd, F_WRLCK, child, 200, 100);
  MUST(write(tell[1], "x", 1));
  MUST(waitpid(child, NULL, 0));
  EXPECT("after its end", F_UNLCK, ask(fd, F_WRLCK, 200, 100).type);
  claim("record-nameless");
  expect_lock(gone, F_WRLCK, self, 3, 4);
  claim("record-two-descriptors");
  expect_lock(twice, F_WRLCK, self, 0, 10);
  expect_lock(twice, F_WRLCK, self, 50, 10);
  claim("record-dropped-by-close");
  MUST(close(copy));
  EXPECT("after any close", F_UNLCK, ask(twice, F_WRLCK, 0, 0).type);
  PROVE("lease", F_RDLCK, fcntl(leased, F_GETLEASE));
  claim("lease-break");
  EXPECT("not broken yet", -1, broken_fd);
  child = (pid_t)MUST(fork());
  if (child == 0) _exit(open("leased", O_WRONLY | O_NONBLOCK) == -1 ? errno : 0);
  int status = 0;
  MUST(waitpid(child, &status, 0));
  EXPECT("a writer", EWOULDBLOCK, WEXITSTATUS(status));
  EXPECT("the signal tells", leased, broken_fd);
  MUST(fcntl(leased, F_SETLEASE, F_UNLCK));
  MUST(open("leased", O_WRONLY | O_NONBLOCK));
  for (int i = 0; i < kinds; i++) {
    claim(claims[i]);
    EXPECT("ended before its time", 0, waitpid(waiter[i], NULL, WNOHANG));
    shared->released[i] = true;
    let_go(i, held[i]);
    status = -1;
    MUST(waitpid(waiter[i], &status, 0));
    EXPECT("status", 0, status);
    EXPECT("early", false, shared->early[i]);
  }
  return say_ok();
}
