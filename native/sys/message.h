// recvmsg(2) and sendmsg(2) with everything that comes beside the bytes. What stands in the control data is TypeScript's to read
// and to write (src/kernel/control-messages.ts).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

namespace godwit {

/** What recvmsg(2) said beside the bytes. */
struct MessageFacts {
  std::size_t name_length = 0;
  std::size_t control_length = 0;
  int flags = 0;
};

/** Returns what recvmsg(2) does, or a negative errno. Descriptors that come with it are close-on-exec. */
ssize_t ReceiveMessage(int socket, int flags, std::span<std::byte> data, std::span<std::byte> name,
                       std::span<std::byte> control, MessageFacts& facts);

/** Returns what sendmsg(2) does, or a negative errno; raises no SIGPIPE. */
ssize_t SendMessage(int socket, int flags, std::span<std::byte> data, std::span<std::byte> control);

}  // namespace godwit
