// The face of native/sys/sealing and certificate in Node, typed in src/native-security.ts.
#include <algorithm>

#include "binding/pages_args.h"
#include "binding/register.h"
#include "binding/seal_key.h"
#include "sys/certificate.h"
#include "sys/sealing.h"

namespace godwit {
namespace {

using Info = const Napi::CallbackInfo&;

void SealMessage(Info info) {
  const Args args(info);
  const SealKey key = SealKeyAt(args, 0);
  const auto from = args.Bytes(2);
  const auto into = args.Bytes(3);
  if (into.size() != from.size() + kSealTag) args.Throw("there is no room for the message and its tag");
  if (!Seal(key, args.Integer(info[1]), from, into)) args.Throw("the message could not be sealed");
}

Napi::Value MakeCertificate(Info info) {
  const Args args(info);
  if (!info[0].IsString() || !info[1].IsString()) args.Throw("a key and a name are expected");
  const auto made =
      SelfSigned(info[0].As<Napi::String>(), info[1].As<Napi::String>(), args.Int(2, "number of days"));
  if (!made) args.Throw("no certificate can be made of this key");
  return Napi::String::New(info.Env(), *made);
}

}  // namespace

void registerSecurity(Napi::Env env, Napi::Object exports) {
  exports.Set("sealMessage", Napi::Function::New(env, SealMessage));
  exports.Set("selfSigned", Napi::Function::New(env, MakeCertificate));
}

}  // namespace godwit
