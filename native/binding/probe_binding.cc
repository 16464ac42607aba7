// Feature probes; typed by src/native-probe.ts.
#include <string>

#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/probe.h"
#include "sys/scheduler_clock.h"

namespace godwit {
namespace {

std::string Text(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), "expected a string");
  return info[index].As<Napi::String>().Utf8Value();
}

Napi::Value Number(const Napi::CallbackInfo& info, double value) {
  return Napi::Number::New(info.Env(), value);
}

Napi::Value RunProbeOf(const Napi::CallbackInfo& info) { return Number(info, RunProbe(Text(info, 0))); }

Napi::Value RunFreezerProbe(const Napi::CallbackInfo& info) {
  return Number(info, ProbeFreezer(Text(info, 0).c_str()));
}

Napi::Value VdsoTailOf(const Napi::CallbackInfo& info) { return Number(info, VdsoTail()); }
Napi::Value XsaveSizeOf(const Napi::CallbackInfo& info) { return Number(info, XsaveSize()); }
Napi::Value XsaveFeaturesOf(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), XsaveFeatures());
}

Napi::Value SchedulerAheadOf(const Napi::CallbackInfo& info) {
  const auto ahead = SchedulerAhead(Int32(info, 0));
  return ahead ? Napi::Value(Napi::BigInt::New(info.Env(), *ahead)) : info.Env().Undefined();
}

}  // namespace

void registerProbe(Napi::Env env, Napi::Object exports) {
  exports["probe"] = Napi::Function::New(env, RunProbeOf, "probe");
  exports["probeFreezer"] = Napi::Function::New(env, RunFreezerProbe, "probeFreezer");
  exports["vdsoTail"] = Napi::Function::New(env, VdsoTailOf, "vdsoTail");
  exports["xsaveSize"] = Napi::Function::New(env, XsaveSizeOf, "xsaveSize");
  exports["xsaveFeatures"] = Napi::Function::New(env, XsaveFeaturesOf, "xsaveFeatures");
  exports["schedulerAhead"] = Napi::Function::New(env, SchedulerAheadOf, "schedulerAhead");
}

}  // namespace godwit
