// Messages of unix sockets with descriptors (SCM_RIGHTS) and the names of their senders (SCM_CREDENTIALS, SCM_PIDFD).
#ifndef MESSAGES_H
#define MESSAGES_H
#include <sys/socket.h>

#include "workload.h"

enum { most_fds = 253, scm_pidfd = 4 };

struct message {
  int size, count, fds[most_fds], pidfd;
  bool has_sender;
  struct ucred sender;
  char data[4096];
};

static void send_named(int socket, const void* data, size_t size, const struct ucred* who, int count,
                       const int* fds) {
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof *who) + CMSG_SPACE(sizeof(int) * most_fds)] = {0};
  struct iovec part = {(void*)data, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = sizeof control;
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  size_t used = 0;
  if (who != NULL) {
    *header = (struct cmsghdr){CMSG_LEN(sizeof *who), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(header), who, sizeof *who);
    used = CMSG_SPACE(sizeof *who);
    header = (struct cmsghdr*)(control + used);
  }
  if (count > 0) {
    *header = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)count), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
    used += CMSG_SPACE(sizeof(int) * (size_t)count);
  }
  message.msg_controllen = used;
  if (used == 0) message.msg_control = NULL;
  EXPECT("bytes of a message sent", size, MUST(sendmsg(socket, &message, 0)));
}
#define SEND(socket, text, ...)                                                                            \
  send_named(socket, text, strlen(text), NULL, (int)(sizeof((int[]){0, ##__VA_ARGS__}) / sizeof(int)) - 1, \
             (int[]){0, ##__VA_ARGS__} + 1)

static bool receive_some(int socket, struct message* got, size_t room, int flags) {
  _Alignas(struct cmsghdr) static char control[4096];
  struct iovec part = {got->data, room};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  message.msg_controllen = sizeof control;
  got->count = 0, got->pidfd = -1, got->has_sender = false;
  got->size = (int)recvmsg(socket, &message, flags);
  if (got->size == -1) return false;
  for (struct cmsghdr* h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_type == SCM_RIGHTS) {
      got->count = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(got->fds, CMSG_DATA(h), sizeof(int) * (size_t)got->count);
    } else if (h->cmsg_type == SCM_CREDENTIALS) {
      got->has_sender = true;
      memcpy(&got->sender, CMSG_DATA(h), sizeof got->sender);
    } else if (h->cmsg_type == scm_pidfd) memcpy(&got->pidfd, CMSG_DATA(h), sizeof(int));
  }
  return true;
}
static struct message receive(int socket, const char* text, int count) {
  static struct message got;
  if (!receive_some(socket, &got, sizeof got.data - 1, 0)) fail("%s: expected a message got %m", text);
  got.data[got.size] = 0;
  EXPECT_TEXT("a message", text, got.data);
  EXPECT(text, count, got.count);
  return got;
}
static void expect_content(const char* what, int fd, const char* content) {
  char got[64] = {0};
  MUST(read(fd, got, sizeof got - 1));
  EXPECT_TEXT(what, content, got);
}
struct pair {
  int in, out;
};
static struct pair make_pair(int type) {
  int fds[2];
  MUST(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds));
  return (struct pair){fds[0], fds[1]};
}
#endif
