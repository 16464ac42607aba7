// Terminals; typed by src/native-terminal.ts.
#include <cerrno>
#include <cstring>

#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/terminal_queues.h"

namespace godwit {
namespace {

Napi::Value FillTerminal(const Napi::CallbackInfo& info) {
  const auto settings = Bytes(info, 1);
  Termios termios{};
  TerminalQueues queues;
  if (settings.size() != sizeof termios || !DecodeTerminalQueues(Bytes(info, 2), queues))
    return Napi::Number::New(info.Env(), -EINVAL);
  std::memcpy(&termios, settings.data(), sizeof termios);
  return Napi::Number::New(info.Env(), PutTerminalQueues(Int32(info, 0), termios, queues));
}

}  // namespace

void registerTerminal(Napi::Env env, Napi::Object exports) {
  exports["fillTerminal"] = Napi::Function::New(env, FillTerminal, "fillTerminal");
}

}  // namespace godwit
