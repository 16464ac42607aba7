// The commands about what is said when the tree runs here (speech.h).
//
//   say address MESSAGE                               (hexadecimal: RTM_NEWADDR)
//   say connection REUSE SENT FIN-SENT SHUT (+ socket)  -> number
//   say data NUMBER (+ memory)
//   say segments (+ memory)                           all of these before RUNNING
//   bring (+ memory)                                  segments that come too late for that, while RUNNING
//   run                                               -> what could not be said
#include <cerrno>
#include <utility>

#include "keeper/keeper.h"
#include "keeper/reply.h"
#include "keeper/text.h"
#include "sys/owner_word.h"

namespace godwit {
namespace {

bool ParseBool(std::string_view text, bool& out) {
  out = text == "1";
  return out || text == "0";
}

}  // namespace

Reply Keeper::ExecuteSay(Request& request) {
  const std::string_view what = request.field(1);
  const std::uint64_t word = LoadWord(word_);
  if (word != kStaging && word != kPrepared) return Error(-EPERM, "say after PREPARED");
  if (what == "address") {
    std::string message;
    if (!ParseHex(request.field(2), message)) return Error(-EINVAL, "say address");
    speech_.AddAddress(std::move(message));
    return Ok();
  }
  if (!request.fd.valid()) return Error(-EBADF, "say without a descriptor");
  if (what == "segments") {
    speech_.AddSegments(std::move(request.fd));
    return Ok();
  }
  if (int number = 0; what == "data" && ParseNumber(request.field(2), number))
    return OkOr(speech_.AddData(number, std::move(request.fd)), "say data");
  Ending ending;
  if (what == "connection" && ParseBool(request.field(2), ending.reuse) &&
      ParseNumber(request.field(3), ending.sent) && ParseBool(request.field(4), ending.fin_sent) &&
      ParseBool(request.field(5), ending.shut))
    return Ok(std::to_string(speech_.AddConnection(std::move(request.fd), ending)));
  return Error(-EINVAL, "say");
}

Reply Keeper::ExecuteBring(const Request& request) const {
  if (LoadWord(word_) != kRunning) return Error(-EPERM, "bring before RUNNING");
  return OkOr(speech_.Bring(request.fd.get()), "bring");
}

Reply Keeper::ExecuteRun() {
  std::string unsaid;
  if (const int error = RunTree(unsaid); error != 0) return Error(error, "run");
  return Ok(unsaid);
}

}  // namespace godwit
