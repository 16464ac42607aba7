// DutyCycle (native/sys/duty_cycle.h) as a class in Node, typed in src/native-duty-cycle.ts.
#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/duty_cycle.h"

namespace godwit {
namespace {

class DutyCycleObject : public Napi::ObjectWrap<DutyCycleObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "DutyCycle",
        {InstanceMethod<&DutyCycleObject::Run>("run"), InstanceMethod<&DutyCycleObject::Halt>("halt")});
  }

  explicit DutyCycleObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<DutyCycleObject>(info), cycle_(Elements<std::int32_t>(info, 0, 0)) {}

 private:
  Napi::Value Run(const Napi::CallbackInfo& info) {
    const std::int64_t on_us = Int(info, 0);
    const std::int64_t off_us = Int(info, 1);
    if (on_us <= 0 || off_us <= 0) throw Napi::RangeError::New(info.Env(), "a period has two parts");
    cycle_.Run(on_us, off_us);
    return info.Env().Undefined();
  }

  Napi::Value Halt(const Napi::CallbackInfo& info) {
    cycle_.Halt();
    const DutyCycle::Tally tally = cycle_.tally();
    auto result = Napi::Object::New(info.Env());
    result["periods"] = static_cast<double>(tally.periods);
    result["stops"] = static_cast<double>(tally.stops);
    result["offUs"] = static_cast<double>(tally.off_us);
    result["wholeUs"] = static_cast<double>(tally.whole_us);
    return result;
  }

  DutyCycle cycle_;
};

}  // namespace

void registerDutyCycle(Napi::Env env, Napi::Object exports) {
  exports.Set("DutyCycle", DutyCycleObject::Define(env));
}

}  // namespace godwit
