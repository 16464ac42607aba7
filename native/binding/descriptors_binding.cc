// Descriptors of processes; typed by src/native-descriptors.ts.
#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/descriptors.h"

namespace godwit {
namespace {

Napi::Value ReadAll(const Napi::CallbackInfo& info) {
  std::string text;
  const int result = ReadDescriptors(Int32(info, 0), text);
  if (result < 0) return Napi::Number::New(info.Env(), result);
  return Napi::String::New(info.Env(), text);
}

}  // namespace

void registerDescriptors(Napi::Env env, Napi::Object exports) {
  exports["readDescriptors"] = Napi::Function::New(env, ReadAll, "readDescriptors");
}

}  // namespace godwit
