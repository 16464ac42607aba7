// The commands about sockets that the freeze locks (source). The keeper locks them itself: what it has to take back is on its undo list
// from the same moment on, should the agent die.
//
//   lock connections (+ sockets)  -> number, REUSE, WINDOW of each   (bytes that the other end takes); all of them or none
//   lock listener (+ socket)      -> number
//   revert NUMBER                 one entry of the undo list, now
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "keeper/keeper.h"
#include "keeper/reply.h"
#include "keeper/text.h"

namespace godwit {

Reply Keeper::ExecuteLock(Request& request) {
  const std::string_view what = request.field(1);
  if (closing_) return Error(-EPERM, "the undo list has been run");
  if (what == "listener") {
    const int number = undo_.LockListener(std::move(request.fd));
    return number < 0 ? Error(number, "lock listener") : Ok(std::to_string(number));
  }
  if (what != "connections") return Error(-EINVAL, "lock");
  request.more.insert(request.more.begin(), std::move(request.fd));
  std::vector<int> numbers;
  std::string locked;
  for (Fd& connection : request.more) {
    ConnectionLock was;
    const int number = undo_.Lock(std::move(connection), was);
    if (number < 0) {
      for (const int done : numbers) undo_.Revert(done);
      return Error(number, "lock connections");
    }
    numbers.push_back(number);
    if (!locked.empty()) locked += '\t';
    locked += std::to_string(number) + (was.reuse ? "\t1\t" : "\t0\t") + std::to_string(was.window);
  }
  return Ok(locked);
}

Reply Keeper::ExecuteRevert(const Request& request) {
  int number = 0;
  if (!ParseNumber(request.field(1), number)) return Error(-EINVAL, "revert");
  return OkOr(undo_.Revert(number), "revert");
}

}  // namespace godwit
