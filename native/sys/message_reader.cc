#include "sys/message_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "sys/hash.h"
#include "sys/signals_blocked.h"

namespace godwit {
namespace {

// RFC 6455, section 5.2.
constexpr uint8_t kWholeBinary = 0x82;  // FIN, no reserved bit, opcode 2
constexpr uint8_t kMasked = 0x80;
constexpr uint8_t kLength16 = 126, kLength64 = 127;
constexpr size_t kMostHead = 14;
constexpr size_t kPrefix = 4;  // bytes of the header's length
// What is hashed at once, in the cache that the kernel has copied it into.
constexpr size_t kPiece = size_t{256} * 1024;

uint64_t BigEndian(const uint8_t* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; i++) value = value << 8 | bytes[i];
  return value;
}

// `data` begins at a multiple of the mask's length.
void Unmask(uint8_t* data, size_t size, const std::array<uint8_t, 4>& mask) {
  if (mask == std::array<uint8_t, 4>{}) return;  // our own sources' (docs/protocol.md)
  for (size_t i = 0; i < size; i++) data[i] ^= mask[i % mask.size()];
}

}  // namespace

MessageReader::MessageReader(Fd socket, std::vector<uint8_t> early, MessageShape shape,
                             std::vector<std::span<uint8_t>> blocks, Listener listener,
                             const std::optional<SealKey>& key)
    : socket_(std::move(socket)),
      shape_(shape),
      blocks_(std::move(blocks)),
      listener_(std::move(listener)),
      early_(std::move(early)) {
  if (key) unsealer_.emplace(*key);
  for (size_t i = 0; i < blocks_.size(); i++) free_.push_back(i);
}

int MessageReader::Start() {
  wake_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return -errno;
  try {
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error&) {
    return -EAGAIN;
  }
  return 0;
}

void MessageReader::Release(size_t block) {
  {
    const std::lock_guard lock(mutex_);
    if (std::find(free_.begin(), free_.end(), block) != free_.end()) return;
    free_.push_back(block);
  }
  changed_.notify_one();
}

std::vector<uint8_t> MessageReader::Stop() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stops_ = true;
    }
    changed_.notify_one();
    eventfd_write(wake_.get(), 1);
    thread_.join();
  }
  std::vector<uint8_t> left = std::exchange(unread_, {});
  left.insert(left.end(), early_.begin() + static_cast<std::ptrdiff_t>(early_used_), early_.end());
  early_.clear();
  early_used_ = 0;
  socket_.reset();
  return left;
}

void MessageReader::Loop() {
  Outcome outcome = Outcome::kMessage;
  for (size_t block = 0; outcome == Outcome::kMessage && TakeBlock(&block);) {
    outcome = ReadMessage(block);
    if (outcome != Outcome::kMessage) Release(block);
  }
  const int any = 1;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVLOWAT, &any, sizeof any);
  if (outcome == Outcome::kForged)
    listener_.forged();
  else
    listener_.ended();
}

// At the end what was read of something that is no message, or not a whole one, is in unread_. (Of a sealed one it is not what came: it has
// been opened by then. Such a connection has ended anyway.)
MessageReader::Outcome MessageReader::ReadMessage(size_t block) {
  Head head;
  std::array<uint8_t, kPrefix> prefix{};
  if (!ReadHead(head) || !Fill(prefix.data(), prefix.size())) return Outcome::kEnd;
  unread_.insert(unread_.end(), prefix.begin(), prefix.end());
  Unmask(prefix.data(), prefix.size(), head.mask);
  if (unsealer_ && !unsealer_->Begin(counter_++)) return Outcome::kForged;
  if (!OpenPiece(prefix.data(), prefix.size())) return Outcome::kForged;
  uint32_t header = 0;
  std::memcpy(&header, prefix.data(), sizeof header);  // x86-64 is little-endian, and so is the wire
  const size_t content = ContentAt(head.length, header);
  const size_t begin = shape_.room - content;
  uint8_t* const at = blocks_[block].data() + begin;
  std::copy(prefix.begin(), prefix.end(), at);
  uint64_t hash = 0;
  if (!ReadRest(at, std::max(content, kPrefix), head, &hash)) return Outcome::kEnd;
  const Outcome checked = CheckTag();
  if (checked != Outcome::kMessage) return checked;
  unread_.clear();
  listener_.arrived({.block = block, .begin = begin, .length = head.length, .hash = hash});
  return Outcome::kMessage;
}

// Always true where nothing is sealed.
bool MessageReader::OpenPiece(uint8_t* piece, size_t size) {
  return !unsealer_ || unsealer_->Open(piece, size);
}

MessageReader::Outcome MessageReader::CheckTag() {
  if (!unsealer_) return Outcome::kMessage;
  std::array<uint8_t, kSealTag> tag{};
  if (!Fill(tag.data(), tag.size())) return Outcome::kEnd;
  return unsealer_->Verify(tag) ? Outcome::kMessage : Outcome::kForged;
}

// What stands behind the prefix, with the hash of what stands from `content` on. False: the end, as Fill.
bool MessageReader::ReadRest(uint8_t* message, size_t content, const Head& head, uint64_t* hash) {
  const bool is_plain = head.mask == std::array<uint8_t, 4>{};
  Xxh3Stream stream;
  for (size_t done = kPrefix; done < head.length;) {
    const size_t wanted = done < content ? content - done : std::min(kPiece, head.length - done);
    const size_t got = Read(message + done, wanted);
    if (got < wanted) {
      unread_.insert(unread_.end(), message + kPrefix, message + done + got);
      return false;
    }
    if (!OpenPiece(message + done, got)) return false;
    if (is_plain && done >= content) stream.Add(message + done, got);
    done += got;
  }
  if (!is_plain) {
    Unmask(message + kPrefix, head.length - kPrefix, head.mask);
    stream.Add(message + content, head.length - content);
  }
  *hash = stream.Digest();
  return true;
}

// The bytes in front of the content, or 0 if that cannot be told.
size_t MessageReader::ContentAt(size_t length, uint32_t header) const {
  const size_t units_most = kPageSize / shape_.unit;
  if (header > length - kPrefix || (length - kPrefix - header) % shape_.unit != 0) return 0;
  const size_t units = (length - kPrefix - header) / shape_.unit % units_most;
  const size_t at = kPrefix + header + (units == 0 ? units_most : units) * shape_.unit;
  return at <= std::min(length, shape_.room) ? at : 0;
}

// Leaves the bytes of the head in unread_. False: the end, or it is no whole binary message of a length that is allowed.
bool MessageReader::ReadHead(Head& head) {
  std::array<uint8_t, kMostHead> bytes{};
  if (!Fill(bytes.data(), 2)) return false;
  unread_.assign(bytes.begin(), bytes.begin() + 2);
  if (bytes[0] != kWholeBinary) return false;
  const uint8_t code = bytes[1] & static_cast<uint8_t>(~kMasked);
  const size_t wide = code == kLength16 ? 2 : code == kLength64 ? 8 : 0;
  const size_t rest = wide + ((bytes[1] & kMasked) != 0 ? head.mask.size() : 0);
  uint8_t* const more = bytes.data() + 2;
  if (!Fill(more, rest)) return false;
  unread_.insert(unread_.end(), more, more + rest);
  std::copy(more + wide, more + rest, head.mask.begin());
  const uint64_t length = wide == 0 ? code : BigEndian(more, wide);
  // Only our own sources seal, and they do not mask.
  if (unsealer_ && head.mask != std::array<uint8_t, 4>{}) return false;
  const size_t tag = unsealer_ ? kSealTag : 0;
  if (length < kPrefix + tag || length > shape_.most + tag) return false;
  head.length = static_cast<size_t>(length) - tag;
  return true;
}

// All of it, or false: then what was read is in unread_.
bool MessageReader::Fill(uint8_t* into, size_t length) {
  const size_t got = Read(into, length);
  if (got == length) return true;
  unread_.insert(unread_.end(), into, into + got);
  return false;
}

// Returns the bytes that were read; fewer: the end. An error is read again by whoever goes on.
size_t MessageReader::Read(uint8_t* into, size_t length) {
  size_t done = std::min(length, early_.size() - early_used_);
  std::copy_n(early_.begin() + static_cast<std::ptrdiff_t>(early_used_), done, into);
  early_used_ += done;
  while (done < length) {
    const ssize_t got = recv(socket_.get(), into + done, length - done, MSG_DONTWAIT);
    if (got > 0) {
      done += static_cast<size_t>(got);
      continue;
    }
    const bool may_come = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (!may_come || !WaitForBytes(length - done)) break;
  }
  return done;
}

bool MessageReader::WaitForBytes(size_t wanted) {
  // Woken up once for many bytes rather than for each segment; the kernel caps it at half its buffer (tcp_set_rcvlowat).
  const int enough = static_cast<int>(std::min<size_t>(wanted, size_t{256} * 1024));
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVLOWAT, &enough, sizeof enough);
  std::array<pollfd, 2> files{{{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  while (poll(files.data(), files.size(), -1) < 0) {
    if (errno != EINTR) return false;
  }
  return !IsStopped();
}

bool MessageReader::TakeBlock(size_t* block) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stops_ || !free_.empty(); });
  if (stops_) return false;
  *block = free_.back();
  free_.pop_back();
  return true;
}

bool MessageReader::IsStopped() {
  const std::lock_guard lock(mutex_);
  return stops_;
}

}  // namespace godwit
