// The face of native/sys/{delta,delta_cache} in Node, typed in src/native-delta.ts.
#include <memory>

#include "binding/pages_args.h"
#include "binding/register.h"
#include "sys/delta.h"
#include "sys/delta_cache.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

// As in pages_set_binding.cc: a method called on anything else is a TypeError and no wild pointer.
constexpr napi_type_tag kTag = {0x5be2c9d1a7f04e66, 0x8f13d40b62ac975e};
constexpr double kMostBytes = 64.0 * 1024 * 1024 * 1024;
constexpr uint32_t kOwners = 1 << 23;

// Bytes of the pages of all runs.
uint64_t LengthOf(const Runs& runs) {
  uint64_t total = 0;
  for (size_t i = 0; i < runs.count; i++) total += static_cast<uint64_t>(runs.data[2 * i + 1]);
  return total;
}

class DeltaCacheObject : public Napi::ObjectWrap<DeltaCacheObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "DeltaCache",
        {InstanceMethod<&DeltaCacheObject::Encode>("encode"), InstanceMethod<&DeltaCacheObject::Drop>("drop"),
         InstanceMethod<&DeltaCacheObject::Keep>("keep"), InstanceMethod<&DeltaCacheObject::Pages>("pages")});
  }

  explicit DeltaCacheObject(Info info) : Napi::ObjectWrap<DeltaCacheObject>(info) {
    const double bytes = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
    if (!(bytes >= kPageSize && bytes <= kMostBytes)) throw Napi::TypeError::New(info.Env(), "no such size");
    cache_ = DeltaCache::Make(static_cast<size_t>(bytes));
    if (!cache_) throw Napi::Error::New(info.Env(), "no memory for the pages that were sent");
    info.This().As<Napi::Object>().TypeTag(&kTag);
  }

 private:
  Napi::Value Encode(Info info) {
    const Args args(info);
    const Runs runs = AddressesAt(args, 2, 3);
    const auto payload = args.Bytes(4);
    if (LengthOf(runs) != payload.size()) args.Throw("the payload is not as long as the runs");
    const size_t bytes =
        cache_->Encode(Owner(args), static_cast<uint32_t>(args.Int(1, "round")), runs.data, runs.count,
                       payload.data(), payload.size(), args.Address(5), info[6].ToBoolean());
    return Napi::Number::New(info.Env(), static_cast<double>(bytes));
  }

  Napi::Value Drop(Info info) {
    const Args args(info);
    const Runs runs = AddressesAt(args, 1, 2);
    cache_->Drop(Owner(args), runs.data, runs.count);
    return info.Env().Undefined();
  }

  Napi::Value Keep(Info info) {
    const Args args(info);
    const Runs runs = AddressesAt(args, 1, 2);
    cache_->Keep(Owner(args), runs.data, runs.count);
    return info.Env().Undefined();
  }

  Napi::Value Pages(Info info) { return Napi::Number::New(info.Env(), static_cast<double>(cache_->pages())); }

  static uint32_t Owner(const Args& args) {
    const int owner = args.Int(0, "owner");
    if (static_cast<uint32_t>(owner) >= kOwners) args.Throw("no such owner");
    return static_cast<uint32_t>(owner);
  }

  static Runs AddressesAt(const Args& args, size_t i, size_t count_at) {
    const Runs runs = args.RunsAt(i, count_at);
    for (size_t run = 0; run < runs.count; run++) {
      if (runs.data[2 * run] + runs.data[2 * run + 1] > 140737488355328.0)
        args.Throw("addresses are below 2^47");
    }
    return runs;
  }

  std::unique_ptr<DeltaCache> cache_;
};

Napi::Value PatchPagesCall(Info info) {
  const Args args(info);
  const Runs runs = args.RunsAt(2, 3);
  const auto stream = args.Bytes(4), into = args.Bytes(5);
  const auto failed = args.Doubles(6, 1);
  uint64_t at = 0;
  const int error = PatchPages(args.Fd(0), info[1].ToBoolean(), runs.data, runs.count, stream, into, &at);
  failed[0] = static_cast<double>(at);
  return Napi::Number::New(info.Env(), error);
}

}  // namespace

void registerDelta(Napi::Env env, Napi::Object exports) {
  exports["DeltaCache"] = DeltaCacheObject::Define(env);
  exports["patchPages"] = Napi::Function::New(env, PatchPagesCall, "patchPages");
}

}  // namespace godwit
