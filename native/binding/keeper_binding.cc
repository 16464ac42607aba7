// The socket to the keeper, the owner word, and becoming what the helper makes of us, for src/native-keeper.ts.
#include <napi.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/owner_word.h"
#include "sys/seqpacket.h"

namespace godwit {
namespace {

std::string Text(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsString()) throw Napi::TypeError::New(info.Env(), "expected a string");
  return info[index].As<Napi::String>().Utf8Value();
}

Napi::Value ToJs(Napi::Env env, const SeqpacketReply& reply) {
  if (reply.error != 0) return Napi::Number::New(env, -reply.error);
  Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::String::New(env, reply.text));
  pair.Set(1U, Napi::Number::New(env, reply.fd));
  return pair;
}

class RequestWorker : public Napi::AsyncWorker {
 public:
  RequestWorker(Napi::Env env, int socket, std::string text, std::span<const std::int32_t> fds,
                int timeout_ms)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        socket_(socket),
        text_(std::move(text)),
        fds_(fds.begin(), fds.end()),
        timeout_ms_(timeout_ms) {}
  Napi::Promise Promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { reply_ = SeqpacketRequest(socket_, text_, fds_, timeout_ms_); }
  void OnOK() override { deferred_.Resolve(ToJs(Env(), reply_)); }

 private:
  Napi::Promise::Deferred deferred_;
  int socket_;
  std::string text_;
  std::vector<int> fds_;
  int timeout_ms_;
  SeqpacketReply reply_;
};

Napi::Value ConnectSocket(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), SeqpacketConnect(Text(info, 0)));
}

Napi::Value Request(const Napi::CallbackInfo& info) {
  return ToJs(info.Env(), SeqpacketRequest(Int32(info, 0), Text(info, 1), Elements<std::int32_t>(info, 2, 0),
                                           Int32(info, 3)));
}

Napi::Value RequestAsync(const Napi::CallbackInfo& info) {
  auto* worker = new RequestWorker(info.Env(), Int32(info, 0), Text(info, 1),
                                   Elements<std::int32_t>(info, 2, 0), Int32(info, 3));
  const Napi::Promise promise = worker->Promise();
  worker->Queue();  // frees itself when done
  return promise;
}

Napi::Value WordLoad(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(LoadWordOf(Int32(info, 0))));
}

Napi::Value WordCompareExchange(const Napi::CallbackInfo& info) {
  const auto from = Address(info, 1);
  const auto to = Address(info, 2);
  return Napi::Number::New(info.Env(), static_cast<double>(CompareExchangeWordOf(Int32(info, 0), from, to)));
}

Napi::Value Execute(const Napi::CallbackInfo& info) {
  const auto given = info[1].As<Napi::Array>();
  std::vector<std::string> texts{Text(info, 0)};
  for (std::uint32_t i = 0; i < given.Length(); ++i) texts.push_back(given.Get(i).ToString());
  std::vector<char*> args;
  args.reserve(texts.size() + 1);
  for (std::string& text : texts) args.push_back(text.data());
  args.push_back(nullptr);
  execv(args[0], args.data());
  return Napi::Number::New(info.Env(), -errno);
}

}  // namespace

void registerKeeper(Napi::Env env, Napi::Object exports) {
  exports.Set("seqpacketConnect", Napi::Function::New(env, ConnectSocket));
  exports.Set("seqpacketRequest", Napi::Function::New(env, Request));
  exports.Set("seqpacketRequestAsync", Napi::Function::New(env, RequestAsync));
  exports.Set("execute", Napi::Function::New(env, Execute));
  exports.Set("wordLoad", Napi::Function::New(env, WordLoad));
  exports.Set("wordCompareExchange", Napi::Function::New(env, WordCompareExchange));
}

}  // namespace godwit
