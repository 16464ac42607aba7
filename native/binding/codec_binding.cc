// The face of native/sys/codec in Node, typed in src/native-codec.ts. Compression runs on a thread of libuv's pool: it takes as long as all else
// that is done with a page together. The arrays are kept alive meanwhile, and must be left alone.
#include <vector>

#include "binding/pages_args.h"
#include "binding/register.h"
#include "sys/codec.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

Codec CodecAt(const Args& args, size_t i) {
  const int codec = args.Int(i, "codec");
  if (codec > static_cast<int>(Codec::kZstd)) args.Throw("no such codec");
  return static_cast<Codec>(codec);
}

class Promised : public Napi::AsyncWorker {
 public:
  explicit Promised(Napi::Env env) : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise Start() {
    const Napi::Promise promise = deferred_.Promise();
    Queue();
    return promise;
  }

 protected:
  void Settle(const Napi::Value& value) { deferred_.Resolve(value); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
};

class Compressing final : public Promised {
 public:
  Compressing(Info info, Codec codec, std::span<const uint8_t> from, std::span<uint8_t> into)
      : Promised(info.Env()),
        codec_(codec),
        from_(from),
        into_(into),
        from_kept_(Napi::Persistent(info[1].As<Napi::Object>())),
        into_kept_(Napi::Persistent(info[2].As<Napi::Object>())) {}

 protected:
  void Execute() override { length_ = Compress(codec_, from_, into_); }
  void OnOK() override { Settle(Napi::Number::New(Env(), static_cast<double>(length_))); }

 private:
  Codec codec_;
  std::span<const uint8_t> from_;
  std::span<uint8_t> into_;
  Napi::ObjectReference from_kept_, into_kept_;
  long length_ = 0;
};

class Sampling final : public Promised {
 public:
  Sampling(Info info, Codec codec, std::span<const uint8_t> from)
      : Promised(info.Env()), codec_(codec), from_(from.begin(), from.end()) {}

 protected:
  void Execute() override { error_ = SampleCodec(codec_, from_, &sample_); }
  void OnOK() override {
    if (error_ < 0) {
      Settle(Napi::Number::New(Env(), error_));
      return;
    }
    auto figures = Napi::Float64Array::New(Env(), 3);
    figures[0] = static_cast<double>(sample_.packed);
    figures[1] = static_cast<double>(sample_.compress_ns);
    figures[2] = static_cast<double>(sample_.expand_ns);
    Settle(figures);
  }

 private:
  Codec codec_;
  std::vector<uint8_t> from_;  // a copy: the block goes on its way meanwhile
  CodecSample sample_;
  int error_ = 0;
};

Napi::Value CompressCall(Info info) {
  const Args args(info);
  const auto from = args.Bytes(1), into = args.Bytes(2);
  return (new Compressing(info, CodecAt(args, 0), from, into))->Start();
}

Napi::Value ExpandCall(Info info) {
  const Args args(info);
  const auto from = args.Bytes(1), into = args.Bytes(2);
  return Napi::Number::New(info.Env(), Expand(CodecAt(args, 0), from, into));
}

Napi::Value SampleCodecCall(Info info) {
  const Args args(info);
  return (new Sampling(info, CodecAt(args, 0), args.Bytes(1)))->Start();
}

}  // namespace

void registerCodec(Napi::Env env, Napi::Object exports) {
  exports["compress"] = Napi::Function::New(env, CompressCall, "compress");
  exports["expand"] = Napi::Function::New(env, ExpandCall, "expand");
  exports["sampleCodec"] = Napi::Function::New(env, SampleCodecCall, "sampleCodec");
}

}  // namespace godwit
