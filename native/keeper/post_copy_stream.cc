// The stream between the keeper and a worker: frames of pages come, and who waits for which is told.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "keeper/post_copy.h"

namespace godwit {
namespace {

constexpr int kSocketBuffer = 2 << 20;
/** Of a worker that does not read: it is as good as dead. */
constexpr std::size_t kMostUnsent = 16 << 20;

enum : std::uint32_t { kPages = 1, kZeros = 2 };

struct FrameHeader {
  std::uint32_t kind;
  std::uint32_t runs;
  std::uint64_t space;
  std::uint64_t payload;
};

struct Notice {
  std::uint32_t kind;
  std::uint32_t zero;
  std::uint64_t space;
  std::uint64_t value;
};

constexpr std::size_t kMostRuns = 4096;
constexpr std::size_t kMostPayload = 1 << 20;
constexpr std::size_t kMostFrame = sizeof(FrameHeader) + kMostRuns * 16 + kMostPayload;

}  // namespace

int PostCopy::Connect() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return -errno;
  HangUp();
  worker_ = Fd(ends[0]);
  given_ = Fd(ends[1]);
  for (const int end : ends) {
    for (const int option : {SO_SNDBUFFORCE, SO_RCVBUFFORCE})
      setsockopt(end, SOL_SOCKET, option, &kSocketBuffer, sizeof kSocketBuffer);
  }
  if (!active_) Tell(kComplete, 0, 0);
  // What the worker before it was told of it may have taken with it.
  for (const auto& space : spaces_) {
    for (const std::uint64_t page : space->wanted) Tell(kWanted, space->source, page);
  }
  return given_.get();
}

void PostCopy::HangUp() {
  worker_.reset();
  in_size_ = 0;
  out_.clear();
}

void PostCopy::TakeFrames() {
  if (in_.empty()) in_.resize(kMostFrame);
  for (;;) {
    std::size_t wanted = sizeof(FrameHeader);
    if (in_size_ >= wanted) {
      FrameHeader header;
      std::memcpy(&header, in_.data(), sizeof header);
      const bool bad = header.runs > kMostRuns || header.payload > kMostPayload ||
                       (header.kind != kPages && header.kind != kZeros);
      if (bad) return HangUp();
      wanted += std::uint64_t{header.runs} * 16 + header.payload;
      if (in_size_ == wanted)
        return Apply();  // one each time: whoever waits for a page comes before the next
    }
    const ssize_t got = recv(worker_.get(), in_.data() + in_size_, wanted - in_size_, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return HangUp();
    in_size_ += static_cast<std::size_t>(got);
  }
}

void PostCopy::Apply() {
  FrameHeader header;
  std::memcpy(&header, in_.data(), sizeof header);
  in_size_ = 0;
  const std::uint8_t* runs = in_.data() + sizeof header;
  const std::uint8_t* payload = runs + std::size_t{header.runs} * 16;
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < header.runs; ++i) {
    double run[2];
    std::memcpy(run, runs + 16 * i, sizeof run);
    const auto start = static_cast<std::uint64_t>(run[0]);
    const auto length = static_cast<std::uint64_t>(run[1]);
    if (header.kind == kPages && done + length > header.payload) return HangUp();
    const int error =
        Deliver(header.space, {start, start + length}, header.kind == kPages ? payload + done : nullptr);
    if (error != 0) return Tell(kFailed, header.space, static_cast<std::uint64_t>(-error));
    done += length;
  }
  Tell(kApplied, header.space, missing_bytes());
}

void PostCopy::Tell(std::uint32_t kind, std::uint64_t space, std::uint64_t value) {
  if (!worker_.valid()) return;
  const Notice notice{kind, 0, space, value};
  out_.append(reinterpret_cast<const char*>(&notice), sizeof notice);
}

void PostCopy::Flush() {
  while (!out_.empty()) {
    const ssize_t sent = send(worker_.get(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0) return HangUp();
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  if (out_.size() > kMostUnsent) HangUp();
}

}  // namespace godwit
