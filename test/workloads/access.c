// Whose pipes, sockets and memfds are, and who may open them again: what fstat(2) says of them, and that the program itself can open
// them by /proc/self/fd. Two sockets share a port by SO_REUSEPORT, which the kernel grants to one user only.
// @family Files
// @claim pipe pipes.one
// @claim unix-socket unix.unbound
// @claim shared-port inet.udp-options
// @claim memfd memory.memfd
// @claim memfd-without-execution memory.memfd
// @claim memfd-program memory.memfd
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "workload.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 32
#endif

struct owned {
  const char* claim;
  int fd;
  struct stat was;
};
static struct owned all[8];
static int count;

// Without root they can be given to nobody else; but their permissions are the program's own choice.
static void own(const char* claim_name, int fd, mode_t mode) {
  if (geteuid() == 0) MUST(fchown(fd, (uid_t)(1200 + count), (gid_t)(3400 + count)));
  MUST(fchmod(fd, mode));
  MUST(fstat(fd, &all[count].was));
  all[count].claim = claim_name;
  all[count++].fd = fd;
}
static void check(const struct owned* one) {
  struct stat now;
  MUST(fstat(one->fd, &now));
  EXPECT("user", one->was.st_uid, now.st_uid);
  EXPECT("group", one->was.st_gid, now.st_gid);
  EXPECT("mode", one->was.st_mode, now.st_mode);
}
static int udp(int port) {
  int fd = (int)MUST(socket(AF_INET, SOCK_DGRAM, 0)), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = (in_port_t)port;
  MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on));
  MUST(bind(fd, (struct sockaddr*)&address, sizeof address));
  return fd;
}

int main(void) {
  listen_for_stop();
  int pipe_ends[2];
  MUST(pipe(pipe_ends));
  MUST(write(pipe_ends[1], "kept", 4));
  own("pipe", pipe_ends[0], 0640);
  own("unix-socket", (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), 0700);
  int first = udp(0);
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  MUST(getsockname(first, (struct sockaddr*)&address, &size));
  int second = udp(address.sin_port);
  own("shared-port", first, 0777);
  count--;  // both are one user's
  own("shared-port", second, 0777);
  all[count] = (struct owned){.claim = "shared-port", .fd = first};
  MUST(fstat(first, &all[count++].was));
  int plain = (int)MUST(memfd_create("plain", MFD_CLOEXEC)), still = memfd_create("still", MFD_NOEXEC_SEAL);
  if (still == -1) still = (int)MUST(memfd_create("still", MFD_ALLOW_SEALING));  // before Linux 6.3
  MUST(ftruncate(plain, 4096));
  MUST(ftruncate(still, 4096));
  own("memfd", plain, 0600);
  own("memfd-without-execution", still, 0640);
  int seals = (int)MUST(fcntl(still, F_GET_SEALS));
  int program = memfd_create("program", MFD_ALLOW_SEALING | MFD_EXEC);
  if (program == -1) program = (int)MUST(memfd_create("program", MFD_ALLOW_SEALING));
  own("memfd-program", program, 0700);
  fcntl(program, F_ADD_SEALS, F_SEAL_EXEC);  // and those against writing with it
  int of_program = (int)MUST(fcntl(program, F_GET_SEALS));
  say_ready();
  wait_for_stop();

  for (int i = 0; i < count; i++) {
    if (i == 0 || all[i].claim != all[i - 1].claim) claim(all[i].claim);
    check(&all[i]);
    if (strcmp(all[i].claim, "pipe") != 0 && strncmp(all[i].claim, "memfd", 5) != 0) continue;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", all[i].fd);
    close((int)MUST(open(path, O_RDONLY | O_NONBLOCK)));
  }
  EXPECT("seals", seals, MUST(fcntl(still, F_GET_SEALS)));
  EXPECT("seals of the program", of_program, MUST(fcntl(program, F_GET_SEALS)));
  return say_ok();
}
