// MessageReader (native/sys/message_reader.h) as a class in Node, typed in src/native-message-reader.ts.
#include <fcntl.h>

#include <memory>
#include <optional>

#include "binding/pages_args.h"
#include "binding/register.h"
#include "binding/seal_key.h"
#include "sys/message_reader.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

// The way from the reader's thread to JavaScript. Node may close it first, when the process ends: then it must not be used again.
class Door {
 public:
  explicit Door(Info info, Napi::Function function)
      : function_(Napi::ThreadSafeFunction::New(info.Env(), function, "message reader", 0, 1)) {}

  // Calls with [block, begin, length, hash], or with nothing.
  void Tell(std::unique_ptr<MessageReader::Message> message) {
    if (is_closed_) return;
    const auto call = [](Napi::Env env, Napi::Function function, MessageReader::Message* given) {
      const std::unique_ptr<MessageReader::Message> owned(given);
      if (env == nullptr) return;
      const auto number = [&](size_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
      if (owned == nullptr) {
        function.Call({});
      } else {
        function.Call({number(owned->block), number(owned->begin), number(owned->length),
                       Napi::BigInt::New(env, owned->hash)});
      }
    };
    is_closed_ = function_.NonBlockingCall(message.get(), call) != napi_ok;
    if (!is_closed_) message.release();
  }

  // Calls with [-1].
  void TellForged() {
    if (is_closed_) return;
    const auto call = [](Napi::Env env, Napi::Function function) {
      if (env != nullptr) function.Call({Napi::Number::New(env, -1)});
    };
    is_closed_ = function_.NonBlockingCall(call) != napi_ok;
  }

  void Close() {
    if (!is_closed_) function_.Release();
    is_closed_ = true;
  }

 private:
  Napi::ThreadSafeFunction function_;
  bool is_closed_ = false;
};

class MessageReaderObject : public Napi::ObjectWrap<MessageReaderObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "MessageReader",
                       {InstanceMethod<&MessageReaderObject::Release>("release"),
                        InstanceMethod<&MessageReaderObject::Stop>("stop")});
  }

  explicit MessageReaderObject(Info info) : Napi::ObjectWrap<MessageReaderObject>(info) {
    const Args args(info);
    const auto early = args.Bytes(1);
    const MessageShape shape = {
        .room = args.Integer(info[2]), .unit = args.Integer(info[3]), .most = args.Integer(info[4])};
    const auto memory = args.Bytes(5);
    const size_t count = args.Integer(info[6]);
    const size_t size = shape.room + shape.most;
    if (shape.unit == 0 || shape.room % kPageSize != 0 || count == 0 || memory.size() / count < size) {
      args.Throw("blocks have room for a message and what stands in front of its content");
    }
    if (!info[7].IsFunction()) args.Throw("a function is expected");
    std::optional<SealKey> key;
    if (!info[8].IsUndefined()) key = SealKeyAt(args, 8);
    std::vector<std::span<uint8_t>> blocks;
    const size_t stride = memory.size() / count / kPageSize * kPageSize;
    if (stride < size) args.Throw("blocks begin at whole pages");
    blocks.reserve(count);
    for (size_t i = 0; i < count; i++) blocks.push_back(memory.subspan(i * stride, stride));
    count_ = count;
    Fd socket(fcntl(args.Fd(0), F_DUPFD_CLOEXEC, 0));
    if (!socket.valid()) args.Throw("no such socket");
    memory_kept_ = Napi::Persistent(info[5].As<Napi::Object>());
    door_ = std::make_unique<Door>(info, info[7].As<Napi::Function>());
    const MessageReader::Listener listener = {
        .arrived =
            [this](MessageReader::Message message) {
              door_->Tell(std::make_unique<MessageReader::Message>(message));
            },
        .ended =
            [this] {
              door_->Tell(nullptr);
              door_->Close();
            },
        .forged =
            [this] {
              door_->TellForged();
              door_->Close();
            }};
    reader_ =
        std::make_unique<MessageReader>(std::move(socket), std::vector<uint8_t>(early.begin(), early.end()),
                                        shape, std::move(blocks), listener, key);
    if (reader_->Start() == 0) return;
    door_->Close();
    args.Throw("no thread can be started");
  }

 private:
  Napi::Value Release(Info info) {
    const size_t block = Args(info).Integer(info[0]);
    if (block >= count_) Args(info).Throw("no such block");
    reader_->Release(block);
    return info.Env().Undefined();
  }

  Napi::Value Stop(Info info) {
    const std::vector<uint8_t> left = reader_->Stop();
    return Napi::Buffer<uint8_t>::Copy(info.Env(), left.data(), left.size());
  }

  size_t count_ = 0;
  Napi::ObjectReference memory_kept_;
  std::unique_ptr<Door> door_;
  std::unique_ptr<MessageReader> reader_;  // ends its thread before what that uses goes
};

}  // namespace

void registerMessageReader(Napi::Env env, Napi::Object exports) {
  exports.Set("MessageReader", MessageReaderObject::Define(env));
}

}  // namespace godwit
