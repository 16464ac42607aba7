// Messages of sockets with their ancillary data; typed by src/native-messages.ts.
#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/message.h"

namespace godwit {
namespace {

Napi::Value Receive(const Napi::CallbackInfo& info) {
  const auto facts_out = Elements<std::int32_t>(info, 5, 3);
  MessageFacts facts;
  const auto got =
      ReceiveMessage(Int32(info, 0), Int32(info, 1), Bytes(info, 2), Bytes(info, 3), Bytes(info, 4), facts);
  facts_out[0] = static_cast<std::int32_t>(facts.name_length);
  facts_out[1] = static_cast<std::int32_t>(facts.control_length);
  facts_out[2] = facts.flags;
  return Napi::Number::New(info.Env(), static_cast<double>(got));
}

Napi::Value Send(const Napi::CallbackInfo& info) {
  const auto sent = SendMessage(Int32(info, 0), Int32(info, 1), Bytes(info, 2), Bytes(info, 3));
  return Napi::Number::New(info.Env(), static_cast<double>(sent));
}

Napi::Value SendFrom(const Napi::CallbackInfo& info) {
  const auto sent =
      SendMessageFrom(Int32(info, 0), Int32(info, 1), Int32(info, 2), Bytes(info, 3), Bytes(info, 4));
  return Napi::Number::New(info.Env(), static_cast<double>(sent));
}

}  // namespace

void registerMessages(Napi::Env env, Napi::Object exports) {
  exports["receiveMessage"] = Napi::Function::New(env, Receive, "receiveMessage");
  exports["sendMessage"] = Napi::Function::New(env, Send, "sendMessage");
  exports["sendMessageFrom"] = Napi::Function::New(env, SendFrom, "sendMessageFrom");
}

}  // namespace godwit
