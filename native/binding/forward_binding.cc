// Packets of connections that are forwarded; typed by src/native-forward.ts.
#include <cstdint>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/capture.h"
#include "sys/segments.h"
#include "sys/tunnel.h"

namespace godwit {
namespace {

Napi::Value Number(const Napi::CallbackInfo& info, int value) { return Napi::Number::New(info.Env(), value); }

Napi::Value Open(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "expected a string");
  Fd fd;
  const int error = OpenTunnel(info[0].As<Napi::String>().Utf8Value().c_str(), fd);
  return Number(info, error < 0 ? error : fd.release());
}

Napi::Value Take(const Napi::CallbackInfo& info) {
  std::vector<std::byte> packets;
  const int error = TakePackets(Int32(info, 0), static_cast<std::size_t>(Address(info, 1)), packets);
  if (error < 0) return Number(info, error);
  return Napi::Buffer<std::uint8_t>::Copy(info.Env(), reinterpret_cast<const std::uint8_t*>(packets.data()),
                                          packets.size());
}

Napi::Value Give(const Napi::CallbackInfo& info) {
  return Number(info, GivePackets(Int32(info, 0), Bytes(info, 1)));
}

Napi::Value Send(const Napi::CallbackInfo& info) { return Number(info, BringSegments(Bytes(info, 0))); }

Napi::Value Narrow(const Napi::CallbackInfo& info) {
  const auto ports = Elements<std::uint16_t>(info, 3, 0);
  return Number(info, NarrowCapture(Int32(info, 0), Int32(info, 1), Bytes(info, 2), ports));
}

class WaitWorker : public Napi::AsyncWorker {
 public:
  WaitWorker(Napi::Env env, std::span<const std::int32_t> fds, int timeout_ms)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        fds_(fds.begin(), fds.end()),
        timeout_ms_(timeout_ms) {}
  Napi::Promise Promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { ready_ = WaitReadable(fds_, timeout_ms_); }
  void OnOK() override { deferred_.Resolve(Napi::Number::New(Env(), ready_)); }

 private:
  Napi::Promise::Deferred deferred_;
  std::vector<int> fds_;
  int timeout_ms_;
  int ready_ = 0;
};

Napi::Value Wait(const Napi::CallbackInfo& info) {
  auto* worker = new WaitWorker(info.Env(), Elements<std::int32_t>(info, 0, 0), Int32(info, 1));
  const Napi::Promise promise = worker->Promise();
  worker->Queue();  // frees itself when done
  return promise;
}

}  // namespace

void registerForward(Napi::Env env, Napi::Object exports) {
  exports["openTunnel"] = Napi::Function::New(env, Open, "openTunnel");
  exports["takePackets"] = Napi::Function::New(env, Take, "takePackets");
  exports["givePackets"] = Napi::Function::New(env, Give, "givePackets");
  exports["sendSegments"] = Napi::Function::New(env, Send, "sendSegments");
  exports["narrowCapture"] = Napi::Function::New(env, Narrow, "narrowCapture");
  exports["waitReadable"] = Napi::Function::New(env, Wait, "waitReadable");
}

}  // namespace godwit
