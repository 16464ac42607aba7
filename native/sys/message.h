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

/**
 * The same by a process of a PID namespace below, which has ended when this returns: the PIDs in `control` are those of that
 * namespace. To name others takes CAP_SYS_ADMIN over the namespace of whoever sends (unix(7)), which an agent in a user
 * namespace of its own has over those that it has made, but not over the host's.
 */
ssize_t SendMessageFrom(int pid_namespace, int socket, int flags, std::span<std::byte> data,
                        std::span<std::byte> control);

}  // namespace godwit
