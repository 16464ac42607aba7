// Descriptors of processes; typed by src/native-descriptors.ts.
#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/connection.h"
#include "sys/descriptors.h"

namespace godwit {
namespace {

Napi::Value ReadAll(const Napi::CallbackInfo& info) {
  std::string text;
  const int result = ReadDescriptors(Int32(info, 0), text);
  if (result < 0) return Napi::Number::New(info.Env(), result);
  return Napi::String::New(info.Env(), text);
}

Napi::Value Lock(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), LockConnection(Int32(info, 0)));
}

Napi::Value Unlock(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), UnlockConnection(Int32(info, 0), Bool(info, 1)));
}

}  // namespace

void registerDescriptors(Napi::Env env, Napi::Object exports) {
  exports["readDescriptors"] = Napi::Function::New(env, ReadAll, "readDescriptors");
  exports["lockConnection"] = Napi::Function::New(env, Lock, "lockConnection");
  exports["unlockConnection"] = Napi::Function::New(env, Unlock, "unlockConnection");
}

}  // namespace godwit
