// ptrace and descriptors of other processes; typed by src/native-process.ts.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/probe_child.h"
#include "sys/restart.h"
#include "sys/rseq_section.h"
#include "sys/seccomp.h"
#include "sys/tracee.h"

namespace godwit {
namespace {

constexpr std::size_t kRegisterCount = sizeof(Registers) / sizeof(std::uint64_t);

Napi::Value Number(const Napi::CallbackInfo& info, double value) {
  return Napi::Number::New(info.Env(), value);
}

template <int (*Function)(pid_t, unsigned long)>
Napi::Value TidAndWord(const Napi::CallbackInfo& info) {
  return Number(info, Function(Int32(info, 0), static_cast<unsigned long>(Int(info, 1))));
}

template <int (*Function)(pid_t, int)>
Napi::Value TidAndSignal(const Napi::CallbackInfo& info) {
  return Number(info, Function(Int32(info, 0), Int32(info, 1)));
}

Napi::Value GroupStop(const Napi::CallbackInfo& info) {
  return Number(info, GroupStopSignal(Int32(info, 0)));
}
Napi::Value InterruptTask(const Napi::CallbackInfo& info) { return Number(info, Interrupt(Int32(info, 0))); }

const char* NameOf(Stop::Kind kind) {
  switch (kind) {
    case Stop::Kind::kStopped:
      return "stopped";
    case Stop::Kind::kExited:
      return "exited";
    case Stop::Kind::kKilled:
      return "killed";
    case Stop::Kind::kTimeout:
      return "timeout";
    case Stop::Kind::kGone:
      return "gone";
  }
  return "gone";
}

Napi::Value WaitStop(const Napi::CallbackInfo& info) {
  const Stop stop = WaitForStop(Int32(info, 0), Int32(info, 1));
  auto result = Napi::Object::New(info.Env());
  result["kind"] = NameOf(stop.kind);
  result["value"] = stop.value;
  result["event"] = stop.event;
  return result;
}

/**
 * Seizes and interrupts all before it waits for any: they stop side by side, outside of restartable sequences. A signal that meets a
 * task between the two is not lost.
 */
Napi::Value StopAll(const Napi::CallbackInfo& info) {
  const auto tids = Elements<std::int32_t>(info, 0, 0);
  const auto options = static_cast<unsigned long>(Int(info, 1));
  const int timeout_ms = Int32(info, 2);
  auto results = Napi::Int32Array::New(info.Env(), tids.size());
  for (std::size_t i = 0; i < tids.size(); i++) {
    const int seized = Seize(tids[i], options);
    results[i] = seized < 0 ? seized : Interrupt(tids[i]);
  }
  for (std::size_t i = 0; i < tids.size(); i++) {
    if (results[i] < 0) continue;
    const Stop stop = WaitForTrap(tids[i], timeout_ms);
    if (stop.kind == Stop::Kind::kTimeout) {
      results[i] = -ETIMEDOUT;
    } else if (stop.kind != Stop::Kind::kStopped) {
      results[i] = -ESRCH;
    } else {
      const int left = LeaveRseqSection(tids[i]);
      if (left < 0) results[i] = left;
    }
  }
  return results;
}

Napi::Value LetGoAll(const Napi::CallbackInfo& info) {
  LetGo(Elements<std::int32_t>(info, 0, 0));
  return info.Env().Undefined();
}

Napi::Value GetRegs(const Napi::CallbackInfo& info) {
  const auto out = Elements<std::uint64_t>(info, 1, kRegisterCount);
  Registers registers{};
  const int result = GetRegisters(Int32(info, 0), registers);
  if (result == 0) std::memcpy(out.data(), &registers, sizeof(registers));
  return Number(info, result);
}

Napi::Value SetRegs(const Napi::CallbackInfo& info) {
  const auto words = Elements<std::uint64_t>(info, 1, kRegisterCount);
  Registers registers{};
  std::memcpy(&registers, words.data(), sizeof(registers));
  return Number(info, SetRegisters(Int32(info, 0), registers));
}

Napi::Value GetXstateOf(const Napi::CallbackInfo& info) {
  return Number(info, GetXstate(Int32(info, 0), Bytes(info, 1)));
}
Napi::Value SetXstateOf(const Napi::CallbackInfo& info) {
  return Number(info, SetXstate(Int32(info, 0), Bytes(info, 1)));
}

Napi::Value GetSigmask(const Napi::CallbackInfo& info) {
  const auto out = Elements<std::uint64_t>(info, 1, 1);
  return Number(info, GetSignalMask(Int32(info, 0), out[0]));
}
Napi::Value SetSigmask(const Napi::CallbackInfo& info) {
  return Number(info, SetSignalMask(Int32(info, 0), Word(info, 1)));
}

Napi::Value PeekSiginfoOf(const Napi::CallbackInfo& info) {
  return Number(info, PeekSiginfo(Int32(info, 0), Bool(info, 1), Bytes(info, 2)));
}

Napi::Value GetRseqOf(const Napi::CallbackInfo& info) {
  const auto out = Elements<std::uint64_t>(info, 1, 4);
  RseqConfiguration rseq{};
  const int result = GetRseq(Int32(info, 0), rseq);
  if (result == 0) {
    out[0] = rseq.area;
    out[1] = rseq.size;
    out[2] = rseq.signature;
    out[3] = rseq.flags;
  }
  return Number(info, result);
}

Napi::Value GetSeccompFilterOf(const Napi::CallbackInfo& info) {
  return Number(info, GetSeccompFilter(Int32(info, 0), static_cast<unsigned>(Int(info, 1)), Bytes(info, 2)));
}
Napi::Value GetSeccompFlagsOf(const Napi::CallbackInfo& info) {
  return Number(info, GetSeccompFlags(Int32(info, 0), static_cast<unsigned>(Int(info, 1))));
}

Napi::Value GetRobustList(const Napi::CallbackInfo& info) {
  const auto out = Elements<std::uint64_t>(info, 1, 2);
  void* head = nullptr;
  std::size_t length = 0;
  if (syscall(SYS_get_robust_list, Int32(info, 0), &head, &length) < 0) return Number(info, -errno);
  out[0] = reinterpret_cast<std::uint64_t>(head);
  out[1] = length;
  return Number(info, 0);
}

Napi::Value Result(const Napi::CallbackInfo& info, long result) {
  return Number(info, result < 0 ? -errno : static_cast<double>(result));
}

Napi::Value PidfdOpen(const Napi::CallbackInfo& info) {
  const unsigned flags = info.Length() > 1 ? static_cast<unsigned>(Int32(info, 1)) : 0;
  return Result(info, syscall(SYS_pidfd_open, Int32(info, 0), flags));
}
Napi::Value EndedPidfd(const Napi::CallbackInfo& info) {
  const ParkedChild child;  // ends with this scope
  if (!child.valid()) return Number(info, child.pid());
  return Result(info, syscall(SYS_pidfd_open, child.pid(), static_cast<unsigned>(Int32(info, 0))));
}
Napi::Value PidfdGetfd(const Napi::CallbackInfo& info) {
  return Result(info, syscall(SYS_pidfd_getfd, Int32(info, 0), Int32(info, 1), 0));
}
Napi::Value PidfdSendSignal(const Napi::CallbackInfo& info) {
  return Result(info, syscall(SYS_pidfd_send_signal, Int32(info, 0), Int32(info, 1), nullptr, 0));
}
Napi::Value Kcmp(const Napi::CallbackInfo& info) {
  return Result(info, syscall(SYS_kcmp, Int32(info, 0), Int32(info, 1), Int32(info, 2), Address(info, 3),
                              Address(info, 4)));
}
Napi::Value CloseFd(const Napi::CallbackInfo& info) { return Result(info, close(Int32(info, 0))); }

}  // namespace

void registerProcess(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports[name] = Napi::Function::New(env, function, name);
  };
  add("seize", TidAndWord<Seize>);
  add("setOptions", TidAndWord<SetOptions>);
  add("interrupt", InterruptTask);
  add("cont", TidAndSignal<Continue>);
  add("detach", TidAndSignal<Detach>);
  add("waitStop", WaitStop);
  add("groupStop", GroupStop);
  add("stopAll", StopAll);
  add("letGo", LetGoAll);
  add("getRegs", GetRegs);
  add("setRegs", SetRegs);
  add("getXstate", GetXstateOf);
  add("setXstate", SetXstateOf);
  add("getSigmask", GetSigmask);
  add("setSigmask", SetSigmask);
  add("peekSiginfo", PeekSiginfoOf);
  add("getRseq", GetRseqOf);
  add("getSeccompFilter", GetSeccompFilterOf);
  add("getSeccompFlags", GetSeccompFlagsOf);
  add("getRobustList", GetRobustList);
  add("pidfdOpen", PidfdOpen);
  add("endedPidfd", EndedPidfd);
  add("pidfdGetfd", PidfdGetfd);
  add("pidfdSendSignal", PidfdSendSignal);
  add("kcmp", Kcmp);
  add("closeFd", CloseFd);
}

}  // namespace godwit
