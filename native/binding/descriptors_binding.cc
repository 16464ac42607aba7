// Descriptors of processes; typed by src/native-descriptors.ts.
#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/capture.h"
#include "sys/connection.h"
#include "sys/descriptors.h"
#include "sys/socket_filter.h"

namespace godwit {
namespace {

Napi::Value ReadAll(const Napi::CallbackInfo& info) {
  std::string text;
  const int result = ReadDescriptors(Int32(info, 0), text);
  if (result < 0) return Napi::Number::New(info.Env(), result);
  return Napi::String::New(info.Env(), text);
}

Napi::Value Stop(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), StopHearing(Int32(info, 0)));
}

Napi::Value End(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), EndRepair(Int32(info, 0), Bool(info, 1)));
}

Napi::Value Fill(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), FillSendQueue(Int32(info, 0), Bytes(info, 1)));
}

Napi::Value Filter(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), AttachFilter(Int32(info, 0), Bytes(info, 1)));
}

Napi::Value Capture(const Napi::CallbackInfo& info) {
  Fd fd;
  const int error = OpenCapture(Int32(info, 0), Bytes(info, 1), fd);
  return Napi::Number::New(info.Env(), error < 0 ? error : fd.release());
}

/** The segments, or a negative errno; how many were lost goes into a word of the second argument. */
Napi::Value Take(const Napi::CallbackInfo& info) {
  std::vector<std::byte> segments;
  const int lost = TakeSegments(Int32(info, 0), segments);
  if (lost < 0) return Napi::Number::New(info.Env(), lost);
  Elements<std::int32_t>(info, 1, 1)[0] = lost;
  return Napi::Buffer<std::uint8_t>::Copy(info.Env(), reinterpret_cast<const std::uint8_t*>(segments.data()),
                                          segments.size());
}

}  // namespace

void registerDescriptors(Napi::Env env, Napi::Object exports) {
  exports["readDescriptors"] = Napi::Function::New(env, ReadAll, "readDescriptors");
  exports["stopHearing"] = Napi::Function::New(env, Stop, "stopHearing");
  exports["fillSendQueue"] = Napi::Function::New(env, Fill, "fillSendQueue");
  exports["attachFilter"] = Napi::Function::New(env, Filter, "attachFilter");
  exports["openCapture"] = Napi::Function::New(env, Capture, "openCapture");
  exports["takeSegments"] = Napi::Function::New(env, Take, "takeSegments");
  exports["endRepair"] = Napi::Function::New(env, End, "endRepair");
}

}  // namespace godwit
