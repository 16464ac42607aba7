#include "sys/certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

namespace godwit {
namespace {

constexpr long kDay = 86'400, kHour = 3'600;  // seconds
constexpr long kVersion3 = 2;                 // RFC 5280, 4.1.2.1
constexpr int kWhole = -1;                    // the length of a string that ends with a zero byte

template <typename T, void (*kFree)(T*)>
struct With {
  void operator()(T* object) const { kFree(object); }
};
void FreeBio(BIO* bio) { BIO_free(bio); }

using Bio = std::unique_ptr<BIO, With<BIO, FreeBio>>;
using Key = std::unique_ptr<EVP_PKEY, With<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, With<X509, X509_free>>;

// 63 random bits: never negative (RFC 5280, 4.1.2.2).
bool SetSerial(X509* certificate) {
  uint64_t serial = 0;
  std::array<uint8_t, sizeof serial> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
  for (const uint8_t byte : bytes) serial = serial << 8 | byte;
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1) == 1;
}

bool SetNames(X509* certificate, const std::string& name) {
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, kWhole, kWhole, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

}  // namespace

std::optional<std::string> SelfSigned(const std::string& key, const std::string& name, int days) {
  const Bio from(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  if (from == nullptr) return std::nullopt;
  const Key pair(PEM_read_bio_PrivateKey(from.get(), nullptr, nullptr, nullptr));
  const Certificate made(X509_new());
  const Bio into(BIO_new(BIO_s_mem()));
  if (pair == nullptr || made == nullptr || into == nullptr) return std::nullopt;
  const bool is_made = X509_set_version(made.get(), kVersion3) == 1 && SetSerial(made.get()) &&
                       X509_gmtime_adj(X509_getm_notBefore(made.get()), -kHour) != nullptr &&
                       X509_gmtime_adj(X509_getm_notAfter(made.get()), days * kDay) != nullptr &&
                       SetNames(made.get(), name) && X509_set_pubkey(made.get(), pair.get()) == 1 &&
                       X509_sign(made.get(), pair.get(), EVP_sha256()) != 0 &&
                       PEM_write_bio_X509(into.get(), made.get()) == 1;
  if (!is_made) return std::nullopt;
  char* text = nullptr;
  const long length = BIO_get_mem_data(into.get(), &text);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace godwit
