// The client's end of a SOCK_SEQPACKET unix socket: one datagram out with descriptors, one back with one at most.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace godwit {

inline constexpr std::size_t kSeqpacketMax = 16384;
inline constexpr std::size_t kSeqpacketDescriptors = 128;  // of 253 that the kernel takes (SCM_MAX_FD)

struct SeqpacketReply {
  int error = 0;  // an errno; then the rest says nothing
  std::string text;
  int fd = -1;
};

// Returns a descriptor (close-on-exec), or -errno.
int SeqpacketConnect(const std::string& path);

// Sends `text` with these descriptors, kSeqpacketDescriptors at most, and waits for the reply, at most `timeout_ms`.
// ETIMEDOUT; ECONNRESET or EPIPE when the other end is gone.
SeqpacketReply SeqpacketRequest(int socket, const std::string& text, std::span<const int> fds,
                                int timeout_ms);

}  // namespace godwit
