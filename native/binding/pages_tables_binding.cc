#include "binding/pages_tables_binding.h"

#include "binding/pages_args.h"
#include "sys/pagemap.h"
#include "sys/userfault.h"
#include "sys/userfault_missing.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

Napi::Value Num(Info info, ssize_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

Napi::Value PagemapScanCall(Info info) {
  const Args args(info);
  if (!info[3].IsObject()) args.Throw("scan options must be an object");
  const Napi::Object options = info[3].As<Napi::Object>();
  const auto mask = [&](const char* name) { return args.Integer(options.Get(name)); };
  const ScanQuery query = {.protect = options.Get("protect").ToBoolean(),
                           .required = mask("required"),
                           .any_of = mask("anyOf"),
                           .inverted = mask("inverted"),
                           .returned = mask("returned")};
  const auto out = args.Doubles(4, 3), next = args.Doubles(5, 1);
  // Triples of doubles and of 64-bit words are equally long: the kernel writes in place, then each word is converted.
  auto* regions = reinterpret_cast<PageRegion*>(out.data());
  const ScanResult got =
      PagemapScan(args.Fd(0), args.Address(1), args.Address(2), query, regions, out.size() / 3);
  for (ssize_t i = 0; i < got.count; i++) {
    const PageRegion region = regions[i];
    out[static_cast<size_t>(3 * i)] = static_cast<double>(region.start);
    out[static_cast<size_t>(3 * i) + 1] = static_cast<double>(region.end);
    out[static_cast<size_t>(3 * i) + 2] = static_cast<double>(region.categories);
  }
  next[0] = static_cast<double>(got.next);
  return Num(info, got.count);
}

Napi::Value UffdApiCall(Info info) {
  const Args args(info);
  return Num(info, UffdApi(args.Fd(0), args.Address(1)));
}

Napi::Value UffdRegisterCall(Info info) {
  const Args args(info);
  return Num(info, UffdRegisterWp(args.Fd(0), args.Address(1), args.Address(2)));
}

Napi::Value UffdRegisterMissingCall(Info info) {
  const Args args(info);
  return Num(info, UffdRegisterMissing(args.Fd(0), args.Address(1), args.Address(2)));
}

Napi::Value UffdUnregisterCall(Info info) {
  const Args args(info);
  return Num(info, UffdUnregister(args.Fd(0), args.Address(1), args.Address(2)));
}

Napi::Value UffdRegisterNewCall(Info info) {
  const Args args(info);
  const Runs ranges = args.RunsAt(2, 4), stretches = args.RunsAt(3, 4);
  const RegisterMode mode = {.first = info[5].ToBoolean(), .clear = info[6].ToBoolean()};
  const auto status = args.Ints(7, ranges.count);
  const Trackable known = {ranges.data, stretches.data, ranges.count};
  return Num(info, UffdRegisterNew(args.Fd(0), args.Fd(1), known, mode, status.data()));
}

Napi::Value PagemapReadCall(Info info) {
  const Args args(info);
  const auto out = args.Words(3);
  const size_t count = args.Integer(info[2]);
  if (count > out.size()) args.Throw("the words do not fit into the array");
  return Num(info, PagemapRead(args.Fd(0), args.Address(1), count, out.data()));
}

Napi::Value PagemapRunsCall(Info info) {
  const Args args(info);
  const auto out = args.Doubles(6, 2), next = args.Doubles(7, 1);
  RunWriter writer(out.data(), out.size() / 2);
  uint64_t at = 0;
  const ssize_t rc = PagemapRuns(args.Fd(0), args.Address(1), args.Address(2), args.Word(3), args.Word(4),
                                 args.Word(5), writer, &at);
  next[0] = static_cast<double>(at);
  return Num(info, rc);
}

Napi::Value OwnedRunsCall(Info info) {
  const Args args(info);
  const Runs runs = args.RunsAt(1, 2);
  const uint64_t method = args.Integer(info[3]);
  if (method > static_cast<uint64_t>(OwnedMethod::kClassic)) args.Throw("no such method");
  const auto out = args.Doubles(4, 2), cursor_array = args.Doubles(5, 2);
  const Hidden hidden = info[6].ToBoolean() ? Hidden::kProven : Hidden::kCounts;
  RunWriter writer(out.data(), out.size() / 2);
  OwnedCursor cursor = args.Cursor(cursor_array);
  const ssize_t rc =
      OwnedRuns(args.Fd(0), runs.data, runs.count, static_cast<OwnedMethod>(method), hidden, writer, cursor);
  PutCursor(cursor, cursor_array);
  return Num(info, rc);
}

Napi::Value SameFramesCall(Info info) {
  const Args args(info);
  const Runs runs = args.RunsAt(2, 3);
  const auto out = args.Doubles(4, 2), cursor_array = args.Doubles(5, 2);
  RunWriter writer(out.data(), out.size() / 2);
  OwnedCursor cursor = args.Cursor(cursor_array);
  const ssize_t rc = SameFrames(args.Fd(0), args.Fd(1), runs.data, runs.count, writer, cursor);
  PutCursor(cursor, cursor_array);
  return Num(info, rc);
}

}  // namespace

void registerPageTables(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*call)(Info)) {
    exports.Set(name, Napi::Function::New(env, call, name));
  };
  add("pagemapScan", PagemapScanCall);
  add("uffdApi", UffdApiCall);
  add("uffdRegisterWp", UffdRegisterCall);
  add("uffdRegisterMissing", UffdRegisterMissingCall);
  add("uffdUnregister", UffdUnregisterCall);
  add("uffdRegisterNew", UffdRegisterNewCall);
  add("pagemapRead", PagemapReadCall);
  add("pagemapRuns", PagemapRunsCall);
  add("ownedRuns", OwnedRunsCall);
  add("sameFrames", SameFramesCall);
}

}  // namespace godwit
