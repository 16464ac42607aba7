// The commands about what is said when the tree runs here (speech.h).
//
//   say link TYPE MESSAGE                             (hexadecimal: rtnetlink(7)) (+ netlink socket of the network that it is about)
//   say address MESSAGE                               (hexadecimal: RTM_NEWADDR)
//   say connections (REUSE SENT UNSENT FIN-SENT SHUT)* (+ sockets, + memory with the data of all)
//   say segments (+ memory)                           all of these before RUNNING
//   bring (+ memory)                                  segments that come too late for that, while RUNNING
//   run                                               -> what could not be said, when the tree was let run (CLOCK_MONOTONIC, us)
#include <cerrno>
#include <utility>
#include <vector>

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

constexpr std::size_t kFirstField = 2;
constexpr std::size_t kFieldsEach = 5;

bool ParseEnding(const Request& request, std::size_t at, Ending& out) {
  return ParseBool(request.field(at), out.reuse) && ParseNumber(request.field(at + 1), out.sent) &&
         ParseNumber(request.field(at + 2), out.unsent) && ParseBool(request.field(at + 3), out.fin_sent) &&
         ParseBool(request.field(at + 4), out.shut);
}

Reply SayConnections(Request& request, Speech& speech) {
  std::vector<Fd> sockets;
  sockets.push_back(std::move(request.fd));
  for (Fd& fd : request.more) sockets.push_back(std::move(fd));
  Fd memory = std::move(sockets.back());
  sockets.pop_back();
  if (request.fields.size() != kFirstField + kFieldsEach * sockets.size())
    return Error(-EINVAL, "say connections");
  std::vector<Ending> endings(sockets.size());
  for (std::size_t i = 0; i < endings.size(); ++i)
    if (!ParseEnding(request, kFirstField + i * kFieldsEach, endings[i]))
      return Error(-EINVAL, "say connections");
  speech.AddConnections(std::move(sockets), endings, std::move(memory));
  return Ok();
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
  if (what == "link") {
    std::uint16_t type = 0;
    std::string message;
    if (!ParseNumber(request.field(2), type) || !ParseHex(request.field(3), message))
      return Error(-EINVAL, "say link");
    speech_.AddLink(type, std::move(message), std::move(request.fd));
    return Ok();
  }
  if (what == "segments") {
    speech_.AddSegments(std::move(request.fd));
    return Ok();
  }
  if (what == "connections") return SayConnections(request, speech_);
  return Error(-EINVAL, "say");
}

Reply Keeper::ExecuteBring(const Request& request) const {
  if (LoadWord(word_) != kRunning) return Error(-EPERM, "bring before RUNNING");
  return OkOr(speech_.Bring(request.fd.get()), "bring");
}

Reply Keeper::ExecuteRun() {
  std::string unsaid;
  if (const int error = RunTree(unsaid); error != 0) return Error(error, "run");
  return Ok(unsaid + "\t" + std::to_string(ran_at_us_));
}

}  // namespace godwit
