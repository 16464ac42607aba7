// A key of native/sys/sealing.h as an argument.
#pragma once

#include <algorithm>

#include "binding/pages_args.h"
#include "sys/sealing.h"

namespace godwit {

inline SealKey SealKeyAt(const Args& args, size_t i) {
  const auto bytes = args.Bytes(i);
  SealKey key{};
  if (bytes.size() != key.size()) args.Throw("a key of 32 bytes is expected");
  std::copy(bytes.begin(), bytes.end(), key.begin());
  return key;
}

}  // namespace godwit
