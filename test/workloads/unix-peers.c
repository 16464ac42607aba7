// Whom the two ends of unix sockets name as their peers (SO_PEERCRED, SO_PEERGROUPS, SO_PEERPIDFD): the process itself, a child, one
// that has ended, one that nobody has waited for, with the user, group and groups that it had at that time. Passes
// descriptors from children to the parent by SCM_RIGHTS. Takes other users on only where it may. argv[1] is an empty directory.
// @family Unix sockets
// @directory
// @claim own unix.peercred
// @claim child unix.peercred
// @claim ended unix.peercred
// @claim zombie unix.peercred
// @claim listener unix.peercred
// @claim accepted unix.peercred
// @claim abstract unix.peercred
// @claim listened-again unix.peercred
// @claim new-connection unix.peercred
// @claim dead-peer unix.peercred
// @claim nobody unix.peercred
// @claim pidfd unix.peercred
#include <grp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "workload.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
struct peer {
  pid_t pid;
  unsigned uid, gid, groups[8];
  int count;
};

static struct peer peer_of(int fd) {
  struct peer peer = {0};
  struct {
    pid_t pid;
    unsigned uid, gid;
  } cred;
  socklen_t size = sizeof cred;
  MUST(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size));
  peer.pid = cred.pid, peer.uid = cred.uid, peer.gid = cred.gid;
  size = sizeof peer.groups;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups, &size) == 0) peer.count = (int)size / 4;
  return peer;
}
static void prove_peer(const char* name, int fd, const struct peer* before) {
  struct peer now = peer_of(fd);
  if (memcmp(&now, before, sizeof now) != 0) {
    disprove(name, "expected pid %d user %u group %u and %d groups got %d %u %u %d", before->pid, before->uid,
             before->gid, before->count, now.pid, now.uid, now.gid, now.count);
  }
}
static socklen_t name_of(struct sockaddr_un* address, const char* name, bool abstract) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  strcpy(address->sun_path + abstract, name);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
}
static int bound(const char* name, bool abstract, int type) {
  struct sockaddr_un address;
  socklen_t length = name_of(&address, name, abstract);
  int fd = (int)MUST(socket(AF_UNIX, type, 0));
  MUST(bind(fd, (struct sockaddr*)&address, length));
  return fd;
}
static int connected(const char* name, bool abstract, int type) {
  struct sockaddr_un address;
  socklen_t length = name_of(&address, name, abstract);
  int fd = (int)MUST(socket(AF_UNIX, type, 0));
  MUST(connect(fd, (struct sockaddr*)&address, length));
  return fd;
}
static void send_fds(int over, const int* fds, int count) {
  union {
    char room[CMSG_SPACE(sizeof(int[4]))];
    struct cmsghdr align;
  } control = {0};
  struct iovec one = {"x", 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = &control};
  message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
  struct cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  memcpy(CMSG_DATA(head), fds, sizeof(int) * (size_t)count);
  MUST(sendmsg(over, &message, 0));
}
static void receive_fds(int over, int* fds, int count) {
  char byte, control[CMSG_SPACE(sizeof(int[4]))];
  struct iovec one = {&byte, 1};
  struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = sizeof control;
  MUST(recvmsg(over, &message, 0));
  memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int) * (size_t)count);
}
// Another user, where the rights allow it.
static void become(unsigned id) {
  gid_t groups[] = {id + 1, id + 2};
  if (geteuid() != 0) return;
  MUST(setgroups(2, groups));
  MUST(setresgid(id, id + 3, id));
  MUST(setresuid(id, id, 0));
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  if (geteuid() == 0) MUST(chmod(".", 0777));
  umask(0);
  listen_for_stop();
  char name[64];
  snprintf(name, sizeof name, "godwit-peers-%d", (int)getpid());
  int over[2], own[2], seqpacket[2], datagram[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, own));
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, seqpacket));
  MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram));
  MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, over));
  // A listener by path that this process makes, one by name whose last listen(2) was a child's.
  int listener = bound("listener", false, SOCK_STREAM), again = bound(name, true, SOCK_SEQPACKET);
  MUST(listen(listener, 5));
  MUST(listen(again, 5));
  int first = connected(name, true, SOCK_SEQPACKET), first_server = (int)MUST(accept(again, NULL, NULL));
  // Children: 0 lives on, 1 ends and is waited for, 2 is left as a zombie.
  int made[3][4];
  pid_t children[3];
  for (int i = 0; i < 3; i++) {
    children[i] = (pid_t)MUST(fork());
    if (children[i] == 0) {
      become(1000 + 100 * (unsigned)i);
      MUST(socketpair(AF_UNIX, i == 1 ? SOCK_DGRAM : SOCK_STREAM, 0, made[i]));
      made[i][2] = connected("listener", false, SOCK_STREAM);
      if (i == 1) MUST(listen(again, 7));
      made[i][3] = connected(name, true, SOCK_SEQPACKET);
      send_fds(over[1], made[i], 4);
      while (i == 0) pause();
      _exit(0);
    }
    receive_fds(over[0], made[i], 4);
    if (i == 1) MUST(waitpid(children[i], NULL, 0));
    siginfo_t info;
    if (i == 2) MUST(waitid(P_PID, (id_t)children[i], &info, WEXITED | WNOWAIT));
  }
  int server[3], packets[3];
  for (int i = 0; i < 3; i++) {
    server[i] = (int)MUST(accept(listener, NULL, NULL));
    packets[i] = (int)MUST(accept(again, NULL, NULL));
  }
  int lonely[2];
  MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, lonely));
  close(lonely[1]);
  int left = (int)MUST(dup(made[1][2]));  // an end of a child that has ended, whose other end was closed
  close(server[1]);
  int a = bound("a", false, SOCK_DGRAM), b = bound("b", false, SOCK_DGRAM);
  struct sockaddr_un address;
  socklen_t length = name_of(&address, "b", false);
  MUST(connect(a, (struct sockaddr*)&address, length));
  length = name_of(&address, "a", false);
  MUST(connect(b, (struct sockaddr*)&address, length));

  struct {
    const char* claim;
    int fd;
  } table[] = {
      {"own", own[0]},
      {"own", seqpacket[1]},
      {"own", datagram[0]},
      {"child", made[0][0]},
      {"child", made[0][1]},
      {"ended", made[1][0]},
      {"ended", made[1][1]},
      {"zombie", made[2][0]},
      {"zombie", made[2][1]},
      {"listener", made[0][2]},
      {"listener", made[2][2]},
      {"accepted", server[0]},
      {"accepted", server[2]},
      {"abstract", packets[0]},
      {"abstract", packets[1]},
      {"abstract", packets[2]},
      {"listened-again", first},
      {"listened-again", first_server},
      {"listened-again", again},
      {"listener", listener},
      {"listened-again", made[0][3]},
      {"listened-again", made[2][3]},
      {"dead-peer", left},
      {"dead-peer", lonely[0]},
      {"nobody", a},
      {"nobody", b},
  };
  enum { rows = sizeof table / sizeof *table };
  struct peer before[rows];
  for (int i = 0; i < rows; i++) before[i] = peer_of(table[i].fd);
  EXPECT("pid of a pair of the child", children[0], before[3].pid);
  EXPECT("pid of a pair of the ended child", children[1], before[5].pid);
  EXPECT("user of nobody", -1, (int)before[rows - 1].uid);
  say_ready();
  wait_for_stop();

  for (int i = 0; i < rows; i++) {
    if (open_claim == NULL || strcmp(open_claim, table[i].claim) != 0) claim(table[i].claim);
    prove_peer(table[i].claim, table[i].fd, &before[i]);
  }
  claim("new-connection");
  int fresh = connected("listener", false, SOCK_STREAM);
  struct peer me = peer_of(own[0]);
  prove_peer("new-connection", fresh, &me);
  prove_peer("new-connection", (int)MUST(accept(listener, NULL, NULL)), &me);
  fresh = connected(name, true, SOCK_SEQPACKET);
  prove_peer("new-connection", fresh, &before[18]);
  claim("pidfd");
  int pidfd = -1;
  socklen_t size = sizeof pidfd;
  if (getsockopt(made[0][0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
    char text[2000] = {0}, path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    int info = (int)MUST(open(path, O_RDONLY));
    MUST(read(info, text, sizeof text - 1));
    const char* line = strstr(text, "Pid:");
    EXPECT("process of the pidfd", children[0], line == NULL ? 0 : atoi(line + 4));
  } else if (errno != ENOPROTOOPT) fail("SO_PEERPIDFD: %s", strerror(errno));
  end_claim();
  kill(children[0], SIGKILL);
  int status;
  MUST(waitpid(children[0], &status, 0));
  MUST(waitpid(children[2], &status, 0));
  EXPECT("status of the zombie", 0, status);
  return say_ok();
}
