// Reads binary WebSocket messages (RFC 6455) of a connected socket into blocks of memory by a thread of its own: no copy but the kernel's,
// and none of the thread that has enough to do with their content. It knows the one case that matters: whole binary messages of bounded
// length. At the first thing that is something else (a control frame, a fragment, text, nonsense, the end of the connection) it stops, and
// says which bytes it has read of that: whoever knows all of the protocol goes on from there.
// Sealed messages (sealing.h) are opened piece by piece, while they are in the cache; one that was changed on its way is never told of.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "sys/fd.h"
#include "sys/sealing.h"

namespace godwit {

/// Where the content of a message begins that says itself how long its head is:
///     u32 LE length of a header | header | n x `unit` bytes, 1 <= n <= page size / unit | whole pages
/// which tells n from the length of the message alone. Of others the place does not matter.
struct MessageShape {
  size_t room;  // bytes of a block in front of the content: the content begins there; whole pages
  size_t unit;  // bytes
  size_t most;  // bytes of a message; a block has room + most
};

class MessageReader {
 public:
  struct Message {
    size_t block;
    size_t begin;  // in its block
    size_t length;
    uint64_t hash;  // XXH3-64 of what stands behind `room`
  };
  /// All are called by the thread, `ended` as its last deed.
  struct Listener {
    std::function<void(Message)> arrived;
    /// Nothing more is read. What was read and belongs to no message comes back from Stop.
    std::function<void()> ended;
    /// The same, and this connection is worth nothing any more: a message is not what was sealed.
    std::function<void()> forged;
  };

  /// `socket` is ours from now on: a duplicate of one that nobody else reads. `early`: bytes that were read from it before.
  /// `key`: messages are sealed, the first one with counter 0.
  MessageReader(Fd socket, std::vector<uint8_t> early, MessageShape shape,
                std::vector<std::span<uint8_t>> blocks, Listener listener,
                const std::optional<SealKey>& key = std::nullopt);
  ~MessageReader() { Stop(); }
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  /// Begins to read. Returns 0 or -errno.
  int Start();

  /// A block may be read into again. Without a free one nothing is read: that is the back-pressure.
  void Release(size_t block);

  /// Ends the thread, closes the socket, and returns what was read but belongs to no message that `arrived` was told of; nothing the
  /// second time.
  std::vector<uint8_t> Stop();

 private:
  struct Head {
    size_t length = 0;  // bytes of the message, without a tag
    std::array<uint8_t, 4> mask{};
  };

  void Loop();
  enum class Outcome { kMessage, kEnd, kForged };
  Outcome ReadMessage(size_t block);
  bool ReadHead(Head& head);
  size_t ContentAt(size_t length, uint32_t header) const;
  bool ReadRest(uint8_t* message, size_t content, const Head& head, uint64_t* hash);
  bool Fill(uint8_t* into, size_t length);
  size_t Read(uint8_t* into, size_t length);
  bool WaitForBytes(size_t wanted);
  bool TakeBlock(size_t* block);
  bool IsStopped();
  bool OpenPiece(uint8_t* piece, size_t size);
  Outcome CheckTag();

  Fd socket_;
  Fd wake_;  // eventfd(2): readable when the thread is to end
  const MessageShape shape_;
  const std::vector<std::span<uint8_t>> blocks_;
  const Listener listener_;
  std::optional<Unsealer> unsealer_;
  uint64_t counter_ = 0;
  std::thread thread_;
  // Of the thread alone while it runs.
  std::vector<uint8_t> early_;
  size_t early_used_ = 0;
  std::vector<uint8_t> unread_;  // of the message that is being read
  // Shared.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<size_t> free_;
  bool stops_ = false;
};

}  // namespace godwit
