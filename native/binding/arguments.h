// Guards for what JavaScript hands over: wrong types become a TypeError, never a crash.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit {

inline std::int64_t Int(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsNumber()) throw Napi::TypeError::New(info.Env(), "expected a number");
  return info[index].As<Napi::Number>().Int64Value();
}

inline int Int32(const Napi::CallbackInfo& info, std::size_t index) {
  return static_cast<int>(Int(info, index));
}

/** An address or a length: a number without sign. */
inline std::uint64_t Address(const Napi::CallbackInfo& info, std::size_t index) {
  return static_cast<std::uint64_t>(Int(info, index));
}

inline std::uint64_t Word(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsBigInt()) throw Napi::TypeError::New(info.Env(), "expected a bigint");
  bool lossless = false;
  return info[index].As<Napi::BigInt>().Uint64Value(&lossless);
}

inline bool Bool(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsBoolean()) throw Napi::TypeError::New(info.Env(), "expected a boolean");
  return info[index].As<Napi::Boolean>().Value();
}

inline std::span<std::byte> Bytes(const Napi::CallbackInfo& info, std::size_t index) {
  if (info[index].IsArrayBuffer()) {
    auto buffer = info[index].As<Napi::ArrayBuffer>();
    return {static_cast<std::byte*>(buffer.Data()), buffer.ByteLength()};
  }
  if (!info[index].IsTypedArray()) throw Napi::TypeError::New(info.Env(), "expected a typed array");
  auto array = info[index].As<Napi::TypedArray>();
  return {static_cast<std::byte*>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
}

/** A typed array of at least `count` elements of 8 (or sizeof(T)) bytes. */
template <typename T>
std::span<T> Elements(const Napi::CallbackInfo& info, std::size_t index, std::size_t count) {
  const auto bytes = Bytes(info, index);
  if (bytes.size() < count * sizeof(T)) throw Napi::TypeError::New(info.Env(), "typed array too short");
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

}  // namespace godwit
