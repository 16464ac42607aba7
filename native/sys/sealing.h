// AES-256-GCM (NIST SP 800-38D) of messages that are counted: what page connections are encrypted with (docs/security.md). The cipher is
// OpenSSL's, whose functions every Node exports. A key serves one direction of one connection, so its counter never repeats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct evp_cipher_ctx_st;

namespace godwit {

inline constexpr size_t kSealKey = 32;  // bytes
inline constexpr size_t kSealTag = 16;  // bytes, behind the message

using SealKey = std::array<uint8_t, kSealKey>;

/// Opens messages piece by piece, as they come: whoever uses a piece before Verify has said yes uses what anybody may have written.
class Unsealer {
 public:
  explicit Unsealer(const SealKey& key);

  /// False: there is no memory.
  bool Begin(uint64_t counter);
  /// In place.
  bool Open(uint8_t* piece, size_t size);
  /// Whether all that was opened since Begin is what was sealed with this key and counter.
  bool Verify(const std::array<uint8_t, kSealTag>& tag);

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

/// Writes `from` encrypted, and the tag behind it. `into`: kSealTag bytes more; it does not overlap. False: there is no memory.
bool Seal(const SealKey& key, uint64_t counter, std::span<const uint8_t> from, std::span<uint8_t> into);

}  // namespace godwit
