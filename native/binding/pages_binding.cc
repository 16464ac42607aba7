// The face of native/sys/{pages,hash} in Node, typed in src/native-pages.ts. Only guards and conversions live here: wrong
// arguments throw TypeError, expected failures return a negative errno.
#include <sys/mman.h>

#include <cerrno>

#include "binding/pages_args.h"
#include "binding/pages_set_binding.h"
#include "binding/pages_tables_binding.h"
#include "binding/register.h"
#include "sys/hash.h"
#include "sys/pages.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

Napi::Value Num(Info info, ssize_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

Napi::Value ReadMemoryCall(Info info) {
  const Args args(info);
  const Runs runs = args.RunsAt(1, 2, 1);
  const auto out = args.Bytes(3);
  return Num(info, ReadMemory(args.Pid(0), runs.data, runs.count, out.data(), out.size()));
}

Napi::Value WriteMemoryCall(Info info) {
  const Args args(info);
  const Runs runs = args.RunsAt(1, 2, 1);
  const auto data = args.Bytes(3);
  return Num(info, WriteMemory(args.Pid(0), runs.data, runs.count, data.data(), data.size()));
}

Napi::Value ReadMemCall(Info info) {
  const Args args(info);
  const auto out = args.Bytes(2);
  return Num(info, ReadMem(args.Fd(0), args.Address(1), out.data(), out.size()));
}

Napi::Value WriteMemCall(Info info) {
  const Args args(info);
  const auto data = args.Bytes(2);
  return Num(info, WriteMem(args.Fd(0), args.Address(1), data.data(), data.size()));
}

// Runs whose total length is what `data` holds.
Runs ExactRuns(const Args& args, size_t runs_at, size_t data_size) {
  const Runs runs = args.RunsAt(runs_at, runs_at + 1);
  uint64_t total = 0;
  for (size_t i = 0; i < runs.count; i++) total += static_cast<uint64_t>(runs.data[2 * i + 1]);
  if (total != data_size) args.Throw("the data is not as long as the runs");
  return runs;
}

Napi::Value WritePagesCall(Info info) {
  const Args args(info);
  const auto data = args.Bytes(4);
  const Runs runs = ExactRuns(args, 2, data.size());
  const auto failed = args.Doubles(5, 1);
  uint64_t at = 0;
  const int rc = WritePages(args.Pid(0), args.Fd(1), runs.data, runs.count, data.data(), &at);
  failed[0] = static_cast<double>(at);
  return Num(info, rc);
}

Napi::Value WriteDifferentCall(Info info) {
  const Args args(info);
  const bool zeros = info[4].IsNull();
  const auto data = zeros ? std::span<uint8_t>() : args.Bytes(4);
  const Runs runs = zeros ? args.RunsAt(2, 3) : ExactRuns(args, 2, data.size());
  const auto failed = args.Doubles(5, 1);
  uint64_t at = 0;
  const uint8_t* content = zeros ? nullptr : data.data();
  const ssize_t rc = WriteDifferent(args.Pid(0), args.Fd(1), runs.data, runs.count, content, &at);
  failed[0] = static_cast<double>(at);
  return Num(info, rc);
}

void PutResult(const std::span<double>& out, const PageRead& result) {
  out[0] = static_cast<double>(result.kept_runs);
  out[1] = static_cast<double>(result.payload);
  out[2] = static_cast<double>(result.zero_runs);
  out[3] = static_cast<double>(result.zero_pages);
  out[4] = static_cast<double>(result.gone_pages);
}

Napi::Value ReadPagesCall(Info info) {
  const Args args(info);
  const auto cursor_array = args.Doubles(5, 2);
  const auto payload = args.Bytes(6);
  const size_t room = payload.size() / kPageSize;
  const auto kept = args.Doubles(7, 2 * room), zero = args.Doubles(8, 2 * room),
             result_array = args.Doubles(9, 5);
  OwnedCursor cursor = args.Cursor(cursor_array);
  const Runs runs = args.RunsAt(3, 4, cursor.range, room);  // one block takes no more
  PageRead result;
  const int rc = ReadPages(args.Pid(0), args.Fd(1), args.Fd(2), runs.data, runs.count, cursor, payload.data(),
                           payload.size(), kept.data(), zero.data(), &result);
  PutCursor(cursor, cursor_array);
  PutResult(result_array, result);
  return Num(info, rc);
}

Napi::Value ReadChangedCall(Info info) {
  const Args args(info);
  const auto hashes = args.Words(2);
  const auto payload = args.Bytes(3);
  const size_t room = payload.size() / kPageSize;
  if (room == 0 || hashes.size() < room) args.Throw("one hash for each page of the payload is needed");
  const auto kept = args.Doubles(4, 2 * room), zero = args.Doubles(5, 2 * room),
             result_array = args.Doubles(6, 5);
  PageRead result;
  const int rc = ReadChanged(args.Fd(0), args.Address(1), room * kPageSize, hashes.data(), payload.data(),
                             kept.data(), zero.data(), &result);
  PutResult(result_array, result);
  return Num(info, rc);
}

Napi::Value PunchHoleCall(Info info) {
  const Args args(info);
  return Num(info, PunchHole(args.Fd(0), args.Address(1), args.Address(2)));
}

Napi::Value SeekDataCall(Info info) {
  const Args args(info);
  const auto out = args.Doubles(2, 2);
  uint64_t start = 0, end = 0;
  const int rc = SeekData(args.Fd(0), args.Address(1), &start, &end);
  out[0] = static_cast<double>(start);
  out[1] = static_cast<double>(end);
  return Num(info, rc);
}

Napi::Value HashPagesCall(Info info) {
  const Args args(info);
  const auto data = args.Bytes(0);
  const auto out = args.Words(1);
  if (out.size() < data.size() / kPageSize) args.Throw("one word for each page is needed");
  HashPages(data.data(), data.size() / kPageSize, out.data());
  return info.Env().Undefined();
}

Napi::Value Xxh3Call(Info info) {
  const auto data = Args(info).Bytes(0);
  return Napi::BigInt::New(info.Env(), Xxh3(data.data(), data.size()));
}

Napi::Value Xxh3PortableCall(Info info) {
  const auto data = Args(info).Bytes(0);
  return Napi::BigInt::New(info.Env(), Xxh3Portable(data.data(), data.size()));
}

Napi::Value Xxh3FileCall(Info info) {
  uint64_t hash = 0;
  const int rc = Xxh3File(Args(info).Fd(0), &hash);
  if (rc < 0) return Napi::BigInt::New(info.Env(), static_cast<int64_t>(rc));
  return Napi::BigInt::New(info.Env(), hash);
}

Napi::Value ZeroPagesCall(Info info) {
  const Args args(info);
  const auto data = args.Bytes(0), out = args.Bytes(1);
  const size_t pages = data.size() / kPageSize;
  if (out.size() < pages) args.Throw("one byte for each page is needed");
  ssize_t zeros = 0;
  for (size_t i = 0; i < pages; i++) {
    out[i] = IsZeroPage(data.data() + i * kPageSize) ? 1 : 0;
    zeros += out[i];
  }
  return Num(info, zeros);
}

// Copies by the kernel into memory that is not aligned to cache lines take three times as long, and what Node allocates
// begins 16 bytes behind a page.
Napi::Value AlignedMemoryCall(Info info) {
  const Args args(info);
  const size_t length = args.Integer(info[0]);
  if (length == 0) args.Throw("memory of no length");
  void* at = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return Num(info, -errno);
  return Napi::ArrayBuffer::New(
      info.Env(), at, length,
      [](Napi::Env, void* data, size_t* size) {
        munmap(data, *size);
        delete size;
      },
      new size_t(length));
}

}  // namespace

void registerPages(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*call)(Info)) {
    exports.Set(name, Napi::Function::New(env, call, name));
  };
  add("readMemory", ReadMemoryCall);
  add("writeMemory", WriteMemoryCall);
  add("readMem", ReadMemCall);
  add("writeMem", WriteMemCall);
  add("writePages", WritePagesCall);
  add("writeDifferent", WriteDifferentCall);
  add("readPages", ReadPagesCall);
  add("readChanged", ReadChangedCall);
  add("punchHole", PunchHoleCall);
  add("seekData", SeekDataCall);
  add("hashPages", HashPagesCall);
  add("xxh3", Xxh3Call);
  add("xxh3Portable", Xxh3PortableCall);
  add("xxh3File", Xxh3FileCall);
  add("zeroPages", ZeroPagesCall);
  add("alignedMemory", AlignedMemoryCall);
  registerPageTables(env, exports);
  registerPageSet(env, exports);
}

}  // namespace godwit
