// keeper.sock: SOCK_SEQPACKET, one request a datagram (fields split by tabs), one reply. Only this user may speak.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "sys/fd.h"

namespace godwit {

struct Request {
  std::vector<std::string_view> fields;
  Fd fd;                 // the first that came with it
  std::vector<Fd> more;  // the others
  pid_t peer = 0;        // who asks

  [[nodiscard]] std::string_view field(std::size_t index) const {
    return index < fields.size() ? fields[index] : std::string_view();
  }
};

struct Reply {
  std::string text;
  int fd = -1;  // goes with it; stays the keeper's
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;
  virtual Reply Execute(Request& request) = 0;
};

class Server {
 public:
  /** Binds `dir`/keeper.sock, however long that path is. 0 or a negative errno. */
  int Listen(const std::string& dir);
  /** Adds the listener and the clients. */
  void AddTo(std::vector<pollfd>& entries) const;
  /** Serves what poll has found at `entries[first]` and after, where AddTo put them. */
  void Serve(const std::vector<pollfd>& entries, std::size_t first, Executor& executor);

 private:
  void Accept();
  static bool ServeOne(int client, Executor& executor);

  Fd listener_;
  std::vector<Fd> clients_;
};

}  // namespace godwit
