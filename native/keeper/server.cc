#include "keeper/server.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "keeper/text.h"
#include "sys/seqpacket.h"

namespace godwit {
namespace {

constexpr std::size_t kMaxClients = 64;
constexpr std::size_t kMaxRequest = 16384;

union Control {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

union ManyControl {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kSeqpacketDescriptors)];
};

void TakeDescriptors(const cmsghdr* header, Request& request) {
  for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header) + at, sizeof number);
    if (at == 0)
      request.fd = Fd(number);
    else
      request.more.emplace_back(number);
  }
}

bool PeerOf(int client, ucred& peer) {
  socklen_t length = sizeof peer;
  return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
}

bool SendReply(int client, const Reply& reply) {
  iovec part{const_cast<char*>(reply.text.data()), reply.text.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (reply.fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &reply.fd, sizeof reply.fd);
  }
  return sendmsg(client, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;  // who does not read is thrown out
}

}  // namespace

int Server::Listen(const std::string& dir) {
  listener_ = Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_.valid()) return -errno;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "keeper.sock");
  // Relative to the folder: sun_path holds 107 bytes only.
  if (chdir(dir.c_str()) != 0) return -errno;
  const int bound = bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = bound == 0 ? 0 : -errno;
  if (chdir("/") != 0) return -errno;
  if (error != 0) return error;
  return listen(listener_.get(), 64) == 0 ? 0 : -errno;
}

void Server::AddTo(std::vector<pollfd>& entries) const {
  entries.push_back({listener_.get(), POLLIN, 0});
  for (const Fd& client : clients_) entries.push_back({client.get(), POLLIN, 0});
}

void Server::Serve(const std::vector<pollfd>& entries, std::size_t first, Executor& executor) {
  for (std::size_t at = first + 1; at < entries.size(); ++at) {
    if (entries[at].revents != 0 && !ServeOne(entries[at].fd, executor))
      std::erase_if(clients_, [&](const Fd& client) { return client.get() == entries[at].fd; });
  }
  if (entries[first].revents != 0) Accept();
}

void Server::Accept() {
  for (;;) {
    Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.valid()) return;
    ucred peer{};
    const bool allowed = PeerOf(client.get(), peer) && (peer.uid == 0 || peer.uid == geteuid());
    if (allowed && clients_.size() < kMaxClients) clients_.push_back(std::move(client));
  }
}

bool Server::ServeOne(int client, Executor& executor) {
  char text[kMaxRequest];
  iovec part{text, sizeof text};
  ManyControl control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t got = recvmsg(client, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  Request request;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    TakeDescriptors(header, request);
  ucred peer{};
  if (PeerOf(client, peer)) request.peer = peer.pid;
  request.fields = SplitFields(std::string_view(text, static_cast<std::size_t>(got)));
  return SendReply(client, executor.Execute(request));
}

}  // namespace godwit
