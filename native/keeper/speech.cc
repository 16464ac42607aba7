#include "keeper/speech.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <deque>
#include <span>
#include <string_view>
#include <utility>

#include "keeper/rtnetlink.h"
#include "keeper/text.h"
#include "sys/connection.h"
#include "sys/segments.h"

namespace godwit {
namespace {

/** How long after the last time neighbours are told again: they, and bridges between, may have lost it. */
constexpr std::array<std::int64_t, 3> kAgainUs = {100'000, 900'000, 2'000'000};

/** The content of a memory file. */
class Mapped {
 public:
  explicit Mapped(int fd) {
    struct stat about{};
    if (fd < 0 || fstat(fd, &about) < 0 || about.st_size <= 0) return;
    const auto size = static_cast<std::size_t>(about.st_size);
    void* at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at != MAP_FAILED) bytes_ = {static_cast<const std::byte*>(at), size};
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

int SetTcp(int fd, int name, int value) {
  return setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value) < 0 ? -errno : 0;
}

int EndRepairByProbe(int fd, bool reuse) {
  // Off with a probe, where both ends are open: the other one answers by what it has and what room it has (tcp_send_window_probe).
  if (const int error = SetTcp(fd, TCP_REPAIR, 0); error != 0) return error;
  const int value = reuse ? 1 : 0;
  return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) < 0 ? -errno : 0;
}

int Shut(int fd) { return shutdown(fd, SHUT_WR) < 0 ? -errno : 0; }

int Remember(int fd, const Ending& ending, std::span<const std::byte> data) {
  int error = SetTcp(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
  if (error == 0) error = FillSendQueue(fd, data.first(ending.sent));
  if (error == 0 && ending.fin_sent) error = Shut(fd);
  return error;
}

int Say(int fd, const Ending& ending, std::span<const std::byte> data) {
  int error = EndRepairByProbe(fd, ending.reuse);
  if (error == 0) error = FillSendQueue(fd, data.subspan(ending.sent));
  if (error == 0 && ending.shut) error = Shut(fd);
  return error;
}

}  // namespace

void Speech::AddConnections(std::vector<Fd> sockets, const std::vector<Ending>& endings, Fd memory) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    connections_.push_back({std::move(sockets[i]), endings[i], memories_.size(), at});
    at += endings[i].sent + endings[i].unsent;
  }
  memories_.push_back(std::move(memory));
}

std::string Speech::Run() {
  std::string failed;
  const auto note = [&](std::string_view what, int error) {
    if (error == 0) return;
    if (!failed.empty()) failed += ", ";
    failed += std::string(what) + " failed with errno " + std::to_string(-error);
  };
  std::deque<Mapped> memories;
  for (const Fd& memory : memories_) memories.emplace_back(memory.get());
  const auto data_of = [&](const Connection& connection) {
    const std::span<const std::byte> all = memories[connection.memory].bytes();
    const Ending& ending = connection.ending;
    const std::size_t length = ending.sent + ending.unsent;
    // What an agent says of it may be wrong; then there is none.
    if (connection.at > all.size() || length < ending.sent || length > all.size() - connection.at)
      return std::span<const std::byte>();
    return all.subspan(connection.at, length);
  };
  std::erase_if(connections_, [&](const Connection& connection) {
    const Ending& ending = connection.ending;
    const bool is_lost = data_of(connection).size() != ending.sent + ending.unsent;
    note("connection's data", is_lost ? -EINVAL : 0);
    return is_lost;
  });
  for (const Connection& connection : connections_)
    note("connection's memory", Remember(connection.socket.get(), connection.ending, data_of(connection)));
  for (const Link& link : links_) note("link", GiveOrder(link.type, link.message, link.by.get()));
  for (const std::string& message : addresses_) {
    const int error = PutAddress(message);
    note("address", error);
    if (error != 0) missing_ = true;
  }
  for (const Connection& connection : connections_)
    note("connection's filter", HearAgain(connection.socket.get()));
  Announce();
  for (const Connection& connection : connections_)
    note("connection", Say(connection.socket.get(), connection.ending, data_of(connection)));
  for (const Fd& memory : segments_) note("segments", Bring(memory.get()));
  links_.clear();
  connections_.clear();
  memories_.clear();
  segments_.clear();
  return failed;
}

int Speech::Bring(int memory) const {
  if (missing_) return -EADDRNOTAVAIL;
  const Mapped segments(memory);
  const int failed = BringSegments(segments.bytes());
  return failed > 0 ? -EIO : failed;
}

void Speech::Announce() {
  // It may have moved on meanwhile: the tree ends here a moment later.
  for (const std::string& message : addresses_)
    if (announced_ == 0 || IsAddressHere(message)) AnnounceAddress(message);
  next_announcement_us_ = 0;
  if (!addresses_.empty() && announced_ < kAgainUs.size())
    next_announcement_us_ = MonotonicUs() + kAgainUs[announced_];
  announced_++;
}

}  // namespace godwit
