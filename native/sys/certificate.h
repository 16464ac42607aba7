// A self-signed X.509 certificate (RFC 5280), which Node can read but not make. Nobody trusts it for its signature: peers know the hash
// of its public key.
#pragma once

#include <optional>
#include <string>

namespace godwit {

/// PEM. `key`: a private key as PEM. Valid from an hour ago (clocks differ) for so many days. Nothing: the key is none, or no memory.
std::optional<std::string> SelfSigned(const std::string& key, const std::string& name, int days);

}  // namespace godwit
