#include "sys/sealing.h"

#include <openssl/evp.h>

namespace godwit {
namespace {

constexpr size_t kNonce = 12;  // bytes: what GCM takes without hashing it first

// The counter as its last eight bytes, big-endian: never the same twice under one key.
std::array<uint8_t, kNonce> NonceOf(uint64_t counter) {
  std::array<uint8_t, kNonce> nonce{};
  for (size_t i = kNonce; i-- > kNonce - sizeof counter; counter >>= 8)
    nonce[i] = static_cast<uint8_t>(counter);
  return nonce;
}

bool Update(EVP_CIPHER_CTX* context, uint8_t* into, const uint8_t* from, size_t size) {
  int length = 0;
  return EVP_CipherUpdate(context, into, &length, from, static_cast<int>(size)) == 1;
}

}  // namespace

void Unsealer::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

Unsealer::Unsealer(const SealKey& key) : context_(EVP_CIPHER_CTX_new()) {
  if (context_ == nullptr) return;
  const int done = EVP_CipherInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr, 0);
  if (done != 1) context_.reset();
}

bool Unsealer::Begin(uint64_t counter) {
  const auto nonce = NonceOf(counter);
  return context_ != nullptr &&
         EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, nonce.data(), 0) == 1;
}

bool Unsealer::Open(uint8_t* piece, size_t size) { return Update(context_.get(), piece, piece, size); }

bool Unsealer::Verify(const std::array<uint8_t, kSealTag>& tag) {
  std::array<uint8_t, kSealTag> expected = tag;  // OpenSSL takes no const
  std::array<uint8_t, kSealTag> rest{};
  int length = 0;
  return EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kSealTag, expected.data()) == 1 &&
         EVP_CipherFinal_ex(context_.get(), rest.data(), &length) == 1;
}

bool Seal(const SealKey& key, uint64_t counter, std::span<const uint8_t> from, std::span<uint8_t> into) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free);
  const auto nonce = NonceOf(counter);
  int length = 0;
  uint8_t* const behind = into.data() + from.size();
  return context != nullptr &&
         EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data(), 1) == 1 &&
         Update(context.get(), into.data(), from.data(), from.size()) &&
         EVP_CipherFinal_ex(context.get(), behind, &length) == 1 &&
         EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kSealTag, behind) == 1;
}

}  // namespace godwit
