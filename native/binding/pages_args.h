// Guards of pages_binding.cc: every argument is checked before a pointer into it is used, so that nothing that
// JavaScript passes can crash the agent. A wrong one throws TypeError with its number.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "sys/hash.h"
#include "sys/pagemap.h"

namespace godwit {

struct Runs {
  const double* data;
  size_t count;
};

class Args {
 public:
  explicit Args(const Napi::CallbackInfo& info) : info_(info) {}

  [[noreturn]] void Throw(const std::string& message) const {
    throw Napi::TypeError::New(info_.Env(), message);
  }

  uint64_t Integer(const Napi::Value& value) const {
    if (!value.IsNumber()) Throw("a number is expected");
    const double number = value.As<Napi::Number>().DoubleValue();
    if (!(number >= 0) || number > 9007199254740991.0 || std::floor(number) != number) {
      Throw("an integer that is exact and not negative is expected");
    }
    return static_cast<uint64_t>(number);
  }
  uint64_t Address(size_t i) const { return Integer(info_[i]); }
  int Int(size_t i, const char* what) const {
    const uint64_t value = Integer(info_[i]);
    if (value > INT32_MAX) Throw(std::string("argument ") + std::to_string(i) + " is no " + what);
    return static_cast<int>(value);
  }
  pid_t Pid(size_t i) const { return Int(i, "pid"); }
  int Fd(size_t i) const { return Int(i, "descriptor"); }
  uint64_t Word(size_t i) const {
    if (!info_[i].IsBigInt()) Throw("a bigint is expected");
    bool lossless = false;
    const uint64_t word = info_[i].As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) Throw("the bigint does not fit into 64 bits");
    return word;
  }

  std::span<uint8_t> Bytes(size_t i) const {
    return Array<Napi::Uint8Array, uint8_t>(i, napi_uint8_array, 0);
  }
  std::span<uint64_t> Words(size_t i) const {
    return Array<Napi::BigUint64Array, uint64_t>(i, napi_biguint64_array, 0);
  }
  std::span<double> Doubles(size_t i, size_t least) const {
    return Array<Napi::Float64Array, double>(i, napi_float64_array, least);
  }
  std::span<int32_t> Ints(size_t i, size_t least) const {
    return Array<Napi::Int32Array, int32_t>(i, napi_int32_array, least);
  }

  /// Pairs [start, length] below 2^56, both multiples of `unit`.
  Runs RunsAt(size_t i, size_t count_at, uint64_t unit = kPageSize) const {
    const Runs runs = UncheckedRuns(i, count_at);
    Check(runs, 0, runs.count, unit);
    return runs;
  }

  /// Only so many runs from one on: for callers who come again and again with many.
  Runs RunsAt(size_t i, size_t count_at, size_t from, size_t window) const {
    Runs runs = UncheckedRuns(i, count_at);
    runs.count = from + std::min(window, runs.count - std::min(from, runs.count));
    Check(runs, from, runs.count, kPageSize);
    return runs;
  }

  /// [index of the range, address inside it or 0].
  OwnedCursor Cursor(const std::span<double>& array) const {
    if (!(array[0] >= 0) || array[0] > 4294967295.0 || !(array[1] >= 0) || array[1] > 9007199254740991.0) {
      Throw("no such cursor");
    }
    return {.range = static_cast<size_t>(array[0]), .address = static_cast<uint64_t>(array[1])};
  }

 private:
  Runs UncheckedRuns(size_t i, size_t count_at) const {
    const auto all = Doubles(i, 0);
    const uint64_t count = Integer(info_[count_at]);
    if (count > all.size() / 2) Throw("more runs than the array holds");
    return {.data = all.data(), .count = count};
  }

  void Check(const Runs& runs, size_t from, size_t to, uint64_t unit) const {
    constexpr double kLimit = 72057594037927936.0;
    for (size_t at = 2 * from; at < 2 * to; at++) {
      const double value = runs.data[at];
      if (!(value >= 0) || value > kLimit) Throw("runs are pairs of numbers below 2^56");
      const auto whole = static_cast<uint64_t>(value);
      if (static_cast<double>(whole) != value || whole % unit != 0) Throw("runs are whole pages, or bytes");
    }
  }

  template <typename T, typename Element>
  std::span<Element> Array(size_t i, napi_typedarray_type type, size_t least) const {
    if (!info_[i].IsTypedArray() || info_[i].As<Napi::TypedArray>().TypedArrayType() != type) {
      Throw("argument " + std::to_string(i) + " has not the array type expected");
    }
    T array = info_[i].As<T>();
    if (array.ElementLength() < least) Throw("argument " + std::to_string(i) + " is too short");
    return std::span<Element>(array.Data(), array.ElementLength());
  }

  const Napi::CallbackInfo& info_;
};

inline void PutCursor(const OwnedCursor& cursor, const std::span<double>& array) {
  array[0] = static_cast<double>(cursor.range);
  array[1] = static_cast<double>(cursor.address);
}

}  // namespace godwit
