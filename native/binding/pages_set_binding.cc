#include "binding/pages_set_binding.h"

#include "binding/pages_args.h"
#include "sys/pages_set.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

// A brand on each object, so that a method called on, or with, anything else is a TypeError and no wild pointer.
constexpr napi_type_tag kTag = {0x9a1d6f2b7c4e4b13, 0xb0c52d3e8f615a77};

class PageSetObject : public Napi::ObjectWrap<PageSetObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "PageSet",
        {InstanceMethod<&PageSetObject::Add>("add"), InstanceMethod<&PageSetObject::Remove>("remove"),
         InstanceMethod<&PageSetObject::AddSet>("addSet"),
         InstanceMethod<&PageSetObject::RemoveSet>("removeSet"),
         InstanceMethod<&PageSetObject::AddWritten>("addWritten"),
         InstanceMethod<&PageSetObject::AddWrittenInside>("addWrittenInside"),
         InstanceMethod<&PageSetObject::ProtectWrittenPages>("protectWrittenPages"),
         InstanceMethod<&PageSetObject::AddWrittenOwned>("addWrittenOwned"),
         InstanceMethod<&PageSetObject::AddOwned>("addOwned"),
         InstanceMethod<&PageSetObject::AddOwnedWords>("addOwnedWords"),
         InstanceMethod<&PageSetObject::AddGuardWords>("addGuardWords"),
         InstanceMethod<&PageSetObject::AddGuards>("addGuards"),
         InstanceMethod<&PageSetObject::Clear>("clear"), InstanceMethod<&PageSetObject::Pages>("pages"),
         InstanceMethod<&PageSetObject::RunsIn>("runs"),
         InstanceMethod<&PageSetObject::BeginUnbacked>("beginUnbacked"),
         InstanceMethod<&PageSetObject::Unbacked>("unbacked")});
  }

  explicit PageSetObject(Info info) : Napi::ObjectWrap<PageSetObject>(info) {
    info.This().As<Napi::Object>().TypeTag(&kTag);
  }

 private:
  Napi::Value Add(Info info) {
    const Runs runs = Args(info).RunsAt(0, 1);
    for (size_t i = 0; i < runs.count; i++) set_.Add(Start(runs, i), End(runs, i));
    return info.Env().Undefined();
  }

  Napi::Value Remove(Info info) {
    const Runs runs = Args(info).RunsAt(0, 1);
    for (size_t i = 0; i < runs.count; i++) set_.Remove(Start(runs, i), End(runs, i));
    return info.Env().Undefined();
  }

  Napi::Value AddSet(Info info) {
    set_.AddAll(Other(info, 0));
    return info.Env().Undefined();
  }

  Napi::Value RemoveSet(Info info) {
    const PageSet& other = Other(info, 0);
    if (&other == &set_) {
      set_.Clear();
    } else {
      set_.RemoveAll(other);
    }
    return info.Env().Undefined();
  }

  Napi::Value AddWritten(Info info) {
    return Napi::Number::New(info.Env(), set_.AddWritten(Args(info).Fd(0), info[1].ToBoolean()));
  }

  Napi::Value AddWrittenInside(Info info) {
    const Args args(info);
    const Runs ranges = args.RunsAt(1, 2);
    return Napi::Number::New(info.Env(), set_.AddWrittenInside(args.Fd(0), ranges.data, ranges.count));
  }

  Napi::Value ProtectWrittenPages(Info info) {
    return Napi::Number::New(info.Env(), set_.ProtectWrittenPages(Args(info).Fd(0)));
  }

  Napi::Value AddWrittenOwned(Info info) {
    return Napi::Number::New(info.Env(), set_.AddWrittenOwned(Args(info).Fd(0)));
  }

  Napi::Value AddOwned(Info info) {
    const Args args(info);
    const Runs ranges = args.RunsAt(1, 2);
    const uint64_t method = args.Integer(info[3]);
    if (method > static_cast<uint64_t>(OwnedMethod::kClassic)) args.Throw("no such method");
    const int rc = set_.AddOwned(args.Fd(0), ranges.data, ranges.count, static_cast<OwnedMethod>(method));
    return Napi::Number::New(info.Env(), rc);
  }

  Napi::Value AddOwnedWords(Info info) {
    const Args args(info);
    const Runs ranges = args.RunsAt(1, 2);
    const int rc = set_.AddOwnedWords(args.Fd(0), ranges.data, ranges.count, Other(info, 3));
    return Napi::Number::New(info.Env(), rc);
  }

  Napi::Value AddGuardWords(Info info) {
    const Args args(info);
    const Runs ranges = args.RunsAt(1, 2);
    return Napi::Number::New(info.Env(), set_.AddGuardWords(args.Fd(0), ranges.data, ranges.count));
  }

  Napi::Value AddGuards(Info info) { return Napi::Number::New(info.Env(), set_.AddGuards(Args(info).Fd(0))); }

  Napi::Value Clear(Info info) {
    set_.Clear();
    return info.Env().Undefined();
  }

  Napi::Value Pages(Info info) { return Napi::Number::New(info.Env(), static_cast<double>(set_.Count())); }

  Napi::Value RunsIn(Info info) {
    const Args args(info);
    const Runs ranges = args.RunsAt(0, 1);
    const auto out = args.Doubles(2, 2), cursor_array = args.Doubles(3, 2);
    OwnedCursor cursor = args.Cursor(cursor_array);
    RunWriter writer(out.data(), out.size() / 2);
    for (; cursor.range < ranges.count; cursor.range++) {
      const uint64_t start = std::max(cursor.address, Start(ranges, cursor.range));
      cursor.address = set_.Runs(start, End(ranges, cursor.range), writer);
      if (cursor.address != 0) break;
    }
    PutCursor(cursor, cursor_array);
    return Napi::Number::New(info.Env(), static_cast<double>(writer.count()));
  }

  Napi::Value BeginUnbacked(Info info) {
    set_.BeginUnbacked(Args(info).Fd(0));
    return info.Env().Undefined();
  }

  Napi::Value Unbacked(Info info) {
    const Args args(info);
    const auto out = args.Doubles(1, 2), next = args.Doubles(2, 1);
    RunWriter writer(out.data(), out.size() / 2);
    uint64_t address = next[0] >= 0 && next[0] < 72057594037927936.0 ? static_cast<uint64_t>(next[0]) : 0;
    const ssize_t rc = set_.Unbacked(args.Fd(0), writer, &address);
    next[0] = static_cast<double>(address);
    return Napi::Number::New(info.Env(), static_cast<double>(rc));
  }

  static uint64_t Start(const Runs& runs, size_t i) { return static_cast<uint64_t>(runs.data[2 * i]); }
  static uint64_t End(const Runs& runs, size_t i) {
    return Start(runs, i) + static_cast<uint64_t>(runs.data[2 * i + 1]);
  }

  static PageSet& Other(Info info, size_t index) {
    if (!info[index].IsObject() || !info[index].As<Napi::Object>().CheckTypeTag(&kTag)) {
      throw Napi::TypeError::New(info.Env(), "a PageSet is expected");
    }
    return Unwrap(info[index].As<Napi::Object>())->set_;
  }

  PageSet set_;
};

}  // namespace

void registerPageSet(Napi::Env env, Napi::Object exports) {
  exports.Set("PageSet", PageSetObject::Define(env));
}

}  // namespace godwit
