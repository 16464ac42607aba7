#include "sys/message.h"

#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <memory>

namespace godwit {
namespace {

/// What the two processes of SendMessageFrom have in common with the agent, which waits for them.
struct Errand {
  int pid_namespace;
  int socket;
  int flags;
  std::span<std::byte> data;
  std::span<std::byte> control;
  ssize_t result = -ECHILD;
  alignas(16) std::array<std::byte, 64UL << 10> stacks[2];
};

/// Shares memory and descriptors, sends no signal at its end; returns when it has ended. 0, or a negative errno.
int RunBeside(int (*body)(void*), Errand& errand, int which) {
  auto& stack = errand.stacks[which];
  const int child = clone(body, stack.data() + stack.size(), CLONE_VM | CLONE_FILES | CLONE_VFORK, &errand);
  if (child < 0) return -errno;
  while (waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return 0;
}

int Deliver(void* argument) {
  auto& errand = *static_cast<Errand*>(argument);
  errand.result = SendMessage(errand.socket, errand.flags, errand.data, errand.control);
  return 0;
}

/// Only children get into another PID namespace, and a process without rights over the first one never comes back to it.
int EnterAndDeliver(void* argument) {
  auto& errand = *static_cast<Errand*>(argument);
  const int error = setns(errand.pid_namespace, CLONE_NEWPID) != 0 ? -errno : RunBeside(Deliver, errand, 1);
  if (error < 0) errand.result = error;
  return 0;
}

}  // namespace

ssize_t ReceiveMessage(int socket, int flags, std::span<std::byte> data, std::span<std::byte> name,
                       std::span<std::byte> control, MessageFacts& facts) {
  iovec part{data.data(), data.size()};
  msghdr message{};
  ssize_t got;
  do {
    message.msg_name = name.empty() ? nullptr : name.data();
    message.msg_namelen = static_cast<socklen_t>(name.size());
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.empty() ? nullptr : control.data();
    message.msg_controllen = control.size();
    got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  facts = {message.msg_namelen, message.msg_controllen, message.msg_flags};
  return got;
}

ssize_t SendMessage(int socket, int flags, std::span<std::byte> data, std::span<std::byte> control) {
  iovec part{data.data(), data.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.empty() ? nullptr : control.data();
  message.msg_controllen = control.size();
  ssize_t sent;
  do sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

ssize_t SendMessageFrom(int pid_namespace, int socket, int flags, std::span<std::byte> data,
                        std::span<std::byte> control) {
  const auto errand = std::make_unique<Errand>(Errand{pid_namespace, socket, flags, data, control});
  // No handler of Node's may run in them: they have its memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = RunBeside(EnterAndDeliver, *errand, 0);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error < 0 ? error : errand->result;
}

}  // namespace godwit
