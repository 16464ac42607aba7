// Programs of system calls, in the agent, in shells and in live processes; typed by src/native-process.ts.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "binding/arguments.h"
#include "binding/register.h"
#include "stub/ops.h"
#include "stub/stub.h"
#include "sys/live.h"
#include "sys/local.h"
#include "sys/shell.h"

namespace godwit {
namespace {

Napi::Value Number(const Napi::CallbackInfo& info, double value) {
  return Napi::Number::New(info.Env(), value);
}

Napi::Value CopyOfStub(const Napi::CallbackInfo& info) {
  const auto code = StubCode();
  auto bytes = Napi::Uint8Array::New(info.Env(), code.size());
  std::memcpy(bytes.Data(), code.data(), code.size());
  return bytes;
}

Napi::Value MapShared(const Napi::CallbackInfo& info) {
  const auto length = static_cast<std::size_t>(Address(info, 1));
  void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, Int32(info, 0), 0);
  if (memory == MAP_FAILED) return Number(info, -errno);
  // A process that is cloned from ours must not carry another's memory along.
  madvise(memory, length, MADV_DONTFORK);
  return Napi::ArrayBuffer::New(info.Env(), memory, length,
                                [length](Napi::Env /*env*/, void* data) { munmap(data, length); });
}

Napi::Value RunLocalProgram(const Napi::CallbackInfo& info) {
  const auto count = static_cast<std::size_t>(Address(info, 1));
  const auto program = Elements<Operation>(info, 0, count);
  return Number(info, RunLocal(std::as_writable_bytes(program), count));
}

Napi::Value RunShellProgram(const Napi::CallbackInfo& info) {
  const auto base = Address(info, 1);
  const auto born = Elements<std::int32_t>(info, 4, 0);
  return Number(info, RunShell(Int32(info, 0), base, base + Address(info, 2), Address(info, 3), born));
}

Napi::Value Step(const Napi::CallbackInfo& info) {
  const auto words = Elements<std::uint64_t>(info, 3, 6);
  std::uint64_t args[6];
  std::memcpy(args, words.data(), sizeof(args));
  return Napi::BigInt::New(info.Env(), StepSyscall(Int32(info, 0), Address(info, 1), Address(info, 2), args));
}

/** tids, base, [offset, count, ...], results. */
Napi::Value RunShellPrograms(const Napi::CallbackInfo& info) {
  const auto tids = Elements<std::int32_t>(info, 0, 0);
  const auto base = Address(info, 1);
  const auto places = Elements<double>(info, 2, 2 * tids.size());
  std::vector<ShellRun> runs(tids.size());
  for (std::size_t i = 0; i < runs.size(); i++)
    runs[i] = {tids[i], base + static_cast<std::uint64_t>(places[2 * i]),
               static_cast<std::uint64_t>(places[2 * i + 1])};
  RunShells(base, runs, Elements<std::int32_t>(info, 3, tids.size()));
  return info.Env().Undefined();
}

/** tids, addresses, number, args, results. */
Napi::Value Steps(const Napi::CallbackInfo& info) {
  const auto tids = Elements<std::int32_t>(info, 0, 0);
  const auto addresses = Elements<double>(info, 1, tids.size());
  const auto words = Elements<std::uint64_t>(info, 3, 6);
  std::uint64_t args[6];
  std::memcpy(args, words.data(), sizeof(args));
  StepSyscalls(tids, addresses, Address(info, 2), args, Elements<std::int64_t>(info, 4, tids.size()));
  return info.Env().Undefined();
}

Napi::Value LiveOpen(const Napi::CallbackInfo& info) {
  LiveScratch scratch;
  const int error = OpenLive(Int32(info, 0), Int32(info, 1), {Address(info, 2), Address(info, 3)},
                             {Address(info, 4), Address(info, 5)}, Bool(info, 6), scratch);
  if (error < 0) return Number(info, error);
  auto result = Napi::Array::New(info.Env(), 2);
  result[0U] = Napi::Number::New(info.Env(), static_cast<double>(scratch.address));
  result[1U] = Napi::Number::New(info.Env(), scratch.memory.release());
  return result;
}

Napi::Value RunLiveProgram(const Napi::CallbackInfo& info) {
  const auto memory = Bytes(info, 2);
  const auto offset = Address(info, 3);
  const auto count = Address(info, 4);
  if (offset < kProgramOffset || offset + count * sizeof(Operation) > memory.size()) {
    throw Napi::RangeError::New(info.Env(), "the program does not fit the scratch memory");
  }
  return Number(info, RunLive(Int32(info, 0), Address(info, 1), memory.data(), offset, count));
}

/** tids, bases, memories, offset, counts, results. */
Napi::Value RunLivePrograms(const Napi::CallbackInfo& info) {
  const auto tids = Elements<std::int32_t>(info, 0, 0);
  const auto bases = Elements<double>(info, 1, tids.size());
  const auto memories = info[2].As<Napi::Array>();
  const auto offset = Address(info, 3);
  const auto counts = Elements<double>(info, 4, tids.size());
  std::vector<LiveRun> runs(tids.size());
  for (std::size_t i = 0; i < runs.size(); i++) {
    const Napi::Value memory = memories[static_cast<std::uint32_t>(i)];
    if (!memory.IsArrayBuffer()) throw Napi::TypeError::New(info.Env(), "no scratch memory");
    auto buffer = memory.As<Napi::ArrayBuffer>();
    const auto count = static_cast<std::uint64_t>(counts[i]);
    if (offset < kProgramOffset || offset + count * sizeof(Operation) > buffer.ByteLength()) {
      throw Napi::RangeError::New(info.Env(), "a program does not fit its scratch memory");
    }
    runs[i] = {tids[i], static_cast<std::uint64_t>(bases[i]), static_cast<std::byte*>(buffer.Data()), offset,
               count};
  }
  RunLives(runs, Elements<std::int32_t>(info, 5, tids.size()));
  return info.Env().Undefined();
}

Napi::Value LiveClose(const Napi::CallbackInfo& info) {
  return Number(info, CloseLive(Int32(info, 0), Int32(info, 1), {Address(info, 2), Address(info, 3)},
                                {Address(info, 4), Address(info, 5)}));
}

}  // namespace

void registerPrograms(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports[name] = Napi::Function::New(env, function, name);
  };
  add("stubCode", CopyOfStub);
  add("mapShared", MapShared);
  add("runLocal", RunLocalProgram);
  add("runShell", RunShellProgram);
  add("runShells", RunShellPrograms);
  add("stepSyscall", Step);
  add("stepSyscalls", Steps);
  add("liveOpen", LiveOpen);
  add("runLive", RunLiveProgram);
  add("runLives", RunLivePrograms);
  add("liveClose", LiveClose);
}

}  // namespace godwit
