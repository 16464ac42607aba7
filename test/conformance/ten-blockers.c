// Ten things at once that Godwit does not carry, each with words of its own in the check, and an eleventh where the kernel has it
// (Linux 6.15), of which it says "guarded". Says "ready" and sleeps.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int must(const char* what, long result) {
  if (result == -1) perror(what), exit(1);
  return (int)result;
}
static int sleep_on(void* arg) {
  (void)arg;
  while (pause() == -1) continue;
  return 0;
}

// Its child has its descriptors, and another parent.
static int bear_sibling(void* stack) {
  must("CLONE_FILES", clone(sleep_on, stack, CLONE_FILES | CLONE_PARENT | SIGCHLD, NULL));
  return sleep_on(NULL);
}

// A userfaultfd of its own.
static void watch_faults(void) {
  int fd = must("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
  struct uffdio_api api = {.api = UFFD_API};
  must("its version", ioctl(fd, UFFDIO_API, &api));
  void* watched = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct uffdio_register range = {.range = {(unsigned long)watched, 4096},
                                  .mode = UFFDIO_REGISTER_MODE_MISSING};
  must("a range of it", ioctl(fd, UFFDIO_REGISTER, &range));
}

enum { guard_install = 102 };

int main(int argc, char** argv) {
  static char stack[65536];
  if (argc < 2) return 2;
  must("chdir", chdir(argv[1]));
  must("netlink", socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK));
  must("packet", socket(AF_PACKET, SOCK_RAW, 0));
  must("packet", socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)));
  must("namespace", open("/proc/self/ns/net", O_RDONLY));
  must("file of /proc", open("/proc/1/status", O_RDONLY));
  int decides = must("fanotify", fanotify_init(FAN_CLASS_CONTENT, O_RDONLY));
  must("a directory of its own", mkdir("decided", 0700));
  must("a decision", fanotify_mark(decides, FAN_MARK_ADD, FAN_OPEN_PERM | FAN_ONDIR, AT_FDCWD, "decided"));
  must("lease", fcntl(must("a file", open("leased", O_RDWR | O_CREAT, 0600)), F_SETLEASE, F_WRLCK));
  must("a directory", mkdir("removed", 0700));
  must("root directory", chroot("removed"));
  must("removing it", rmdir("removed"));
  watch_faults();
  must("a child", clone(bear_sibling, stack + sizeof stack / 2, SIGCHLD, stack + sizeof stack));
  void* shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 3;
  if (madvise(shared, 4096, guard_install) == 0 && write(1, "guarded\n", 8) != 8) return 4;
  return write(1, "ready\n", 6) == 6 ? sleep_on(NULL) : 4;
}
