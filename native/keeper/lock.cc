// The commands about sockets that the freeze locks (source). The keeper locks them itself: what it has to take back is on its undo list
// from the same moment on, should the agent die.
//
//   lock connection (+ socket)  -> number, REUSE, WINDOW   (bytes that the other end takes)
//   lock listener (+ socket)    -> number
//   revert NUMBER               one entry of the undo list, now
#include <cerrno>
#include <utility>

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
  if (what != "connection") return Error(-EINVAL, "lock");
  ConnectionLock was;
  const int number = undo_.Lock(std::move(request.fd), was);
  if (number < 0) return Error(number, "lock connection");
  return Ok(std::to_string(number) + (was.reuse ? "\t1\t" : "\t0\t") + std::to_string(was.window));
}

Reply Keeper::ExecuteRevert(const Request& request) {
  int number = 0;
  if (!ParseNumber(request.field(1), number)) return Error(-EINVAL, "revert");
  return OkOr(undo_.Revert(number), "revert");
}

}  // namespace godwit
