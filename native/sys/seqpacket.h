// The client's end of a SOCK_SEQPACKET unix socket: one datagram out, one back, a descriptor with either.
#pragma once

#include <string>

namespace godwit {

inline constexpr std::size_t kSeqpacketMax = 16384;

struct SeqpacketReply {
  int error = 0;  // an errno; then the rest says nothing
  std::string text;
  int fd = -1;
};

// Returns a descriptor (close-on-exec), or -errno.
int SeqpacketConnect(const std::string& path);

// Sends `text`, with descriptor `fd` unless it is -1, and waits for the reply, at most `timeout_ms`.
// ETIMEDOUT; ECONNRESET or EPIPE when the other end is gone.
SeqpacketReply SeqpacketRequest(int socket, const std::string& text, int fd, int timeout_ms);

}  // namespace godwit
