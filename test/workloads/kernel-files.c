// Files of /proc and /sys that are open: of the host, of the process itself, of a thread, of a child, of its memory. And a symbolic
// link that is open itself.
// @family Files
// @directory
// @claim meminfo files.proc
// @claim sys files.proc
// @claim status files.proc
// @claim status-offset files.proc
// @claim status-of-child files.proc
// @claim status-of-thread files.proc
// @claim maps files.proc
// @claim memory files.proc
// @claim directory files.proc
// @claim comm-written files.proc
// @claim link-content files.path-of-link
// @claim link-itself files.path-of-link
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "workload.h"

static void* waits(void* arg) {
  *(_Atomic pid_t*)arg = (pid_t)syscall(SYS_gettid);
  for (;;) pause();
  return NULL;
}
static int number_after(int fd, const char* field) {
  char text[8192];
  ssize_t length = MUST(pread(fd, text, sizeof text - 1, 0));
  text[length] = 0;
  const char* at = strstr(text, field);
  if (at == NULL) fail("%s: expected a line got %.100s", field, text);
  return atoi(at + strlen(field));
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  pid_t child = (pid_t)MUST(fork());
  while (child == 0) pause();
  static _Atomic pid_t thread;
  pthread_t other;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  MUST0(pthread_create(&other, NULL, waits, (void*)&thread));
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  while (thread == 0) usleep(1000);
  char path[64], text[256], start[41] = "", all_of_it[41] = "";
  int meminfo = (int)MUST(open("/proc/meminfo", O_RDONLY)),
      sys = (int)MUST(open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY)),
      status = (int)MUST(open("/proc/self/status", O_RDONLY)),
      maps = (int)MUST(open("/proc/self/maps", O_RDONLY)), memory = (int)MUST(open("/proc/self/mem", O_RDWR)),
      comm = (int)MUST(open("/proc/self/comm", O_RDWR));
  int proc = (int)MUST(open("/proc", O_RDONLY | O_DIRECTORY));
  snprintf(path, sizeof path, "/proc/%d/status", (int)child);
  int of_child = (int)MUST(open(path, O_RDONLY));
  snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)thread);
  int of_thread = (int)MUST(open(path, O_RDONLY));
  EXPECT("first bytes", 5, read(status, start, 5));
  MUST(symlink("no such place", "points"));
  int link = (int)MUST(open("points", O_PATH | O_NOFOLLOW));
  struct stat before, after;
  MUST(fstat(link, &before));
  say_ready();
  wait_for_stop();

  claim("meminfo");
  EXPECT("kilobytes", true, number_after(meminfo, "MemTotal:") > 1000);
  claim("sys");
  EXPECT("setting", true, pread(sys, text, sizeof text, 0) > 0);
  claim("status");
  EXPECT("own PID", getpid(), number_after(status, "\nPid:"));
  claim("status-offset");
  MUST(pread(status, all_of_it, 40, 0));
  EXPECT("next bytes", 35, read(status, start + 5, 35));
  EXPECT_TEXT("start", all_of_it, start);
  claim("status-of-child");
  EXPECT("PID", child, number_after(of_child, "\nPid:"));
  claim("status-of-thread");
  EXPECT("PID", thread, number_after(of_thread, "\nPid:"));
  EXPECT("its process", getpid(), number_after(of_thread, "\nTgid:"));
  claim("maps");
  unsigned long first = 0, low = 0;
  EXPECT("bytes", true, pread(maps, text, sizeof text - 1, 0) > 0);
  sscanf(text, "%lx", &first);
  FILE* now = fopen("/proc/self/maps", "r");
  if (now == NULL || fscanf(now, "%lx", &low) != 1) fail("maps: expected a line got none");
  EXPECT("first mapping", low, first);
  claim("memory");
  static volatile uint64_t word = 77;
  uint64_t got = 0, wanted = 78;
  EXPECT("reading", 8, pread(memory, &got, 8, (off_t)(uintptr_t)&word));
  EXPECT("read", 77, got);
  EXPECT("writing", 8, pwrite(memory, &wanted, 8, (off_t)(uintptr_t)&word));
  EXPECT("written", 78, word);
  claim("directory");
  memset(text, 0, sizeof text);
  MUST(readlinkat(proc, "self", text, sizeof text - 1));
  EXPECT("the PID that its /proc shows", getpid(), atoi(text));
  claim("comm-written");
  MUST(write(comm, "renamed", 7));
  MUST(prctl(PR_GET_NAME, text));
  EXPECT_TEXT("name", "renamed", text);
  claim("link-content");
  memset(text, 0, sizeof text);
  MUST(readlinkat(link, "", text, sizeof text - 1));
  EXPECT_TEXT("link", "no such place", text);
  claim("link-itself");
  MUST(fstat(link, &after));
  EXPECT("inode", before.st_ino, after.st_ino);
  EXPECT("kind", S_IFLNK, after.st_mode & S_IFMT);
  MUST(kill(child, SIGKILL));
  MUST(waitpid(child, NULL, 0));
  EXPECT("reading", EBADF, read(link, text, 1) == -1 ? errno : 0);
  return say_ok();
}
