// Sockets by netlink; typed by src/native-diag.ts.
#include <cstring>

#include "binding/arguments.h"
#include "binding/register.h"
#include "sys/sock_diag.h"

namespace godwit {
namespace {

Napi::Value CopyBytes(Napi::Env env, const void* data, std::size_t length) {
  auto array = Napi::Uint8Array::New(env, length);
  std::memcpy(array.Data(), data, length);
  return array;
}

Napi::Value Failure(Napi::Env env, int error) { return Napi::Number::New(env, error); }

pid_t NamespaceOf(const Napi::CallbackInfo& info, std::size_t index) {
  return info.Length() > index && !info[index].IsUndefined() ? Int32(info, index) : 0;
}

Napi::Object UnixObject(Napi::Env env, const UnixSocket& socket) {
  auto object = Napi::Object::New(env);
  object["inode"] = socket.inode;
  object["peerInode"] = socket.peer;
  object["type"] = static_cast<std::uint32_t>(socket.type);
  object["state"] = static_cast<std::uint32_t>(socket.state);
  object["shutdown"] = static_cast<std::uint32_t>(socket.shutdown);
  object["rqueue"] = socket.rqueue;
  object["wqueue"] = socket.wqueue;
  object["name"] = socket.named ? CopyBytes(env, socket.name.data(), socket.name.size()) : env.Null();
  auto pending = Napi::Array::New(env, socket.pending.size());
  for (std::uint32_t i = 0; i < socket.pending.size(); i++) pending[i] = socket.pending[i];
  object["pendingInodes"] = pending;
  return object;
}

Napi::Value UnixDiag(const Napi::CallbackInfo& info) {
  std::vector<UnixSocket> sockets;
  const int result = ListUnixSockets(NamespaceOf(info, 0), sockets);
  if (result < 0) return Failure(info.Env(), result);
  auto array = Napi::Array::New(info.Env(), sockets.size());
  for (std::uint32_t i = 0; i < sockets.size(); i++) array[i] = UnixObject(info.Env(), sockets[i]);
  return array;
}

Napi::Object InetObject(Napi::Env env, const InetSocket& socket) {
  constexpr std::uint8_t kInet = 2;  // AF_INET
  const std::size_t length = socket.family == kInet ? 4 : 16;
  auto object = Napi::Object::New(env);
  object["family"] = socket.family == kInet ? 4 : 6;
  object["inode"] = socket.inode;
  object["state"] = static_cast<std::uint32_t>(socket.state);
  object["local"] = CopyBytes(env, socket.local.data(), length);
  object["localPort"] = static_cast<std::uint32_t>(socket.local_port);
  object["remote"] = CopyBytes(env, socket.remote.data(), length);
  object["remotePort"] = static_cast<std::uint32_t>(socket.remote_port);
  object["rqueue"] = socket.rqueue;
  object["wqueue"] = socket.wqueue;
  object["uid"] = socket.uid;
  object["interface"] = socket.interface;
  if (socket.v6only >= 0) object["v6only"] = socket.v6only != 0;
  return object;
}

Napi::Value InetDiag(const Napi::CallbackInfo& info) {
  std::vector<InetSocket> sockets;
  const int result = ListInetSockets(Int32(info, 0), NamespaceOf(info, 1), sockets);
  if (result < 0) return Failure(info.Env(), result);
  auto array = Napi::Array::New(info.Env(), sockets.size());
  for (std::uint32_t i = 0; i < sockets.size(); i++) array[i] = InetObject(info.Env(), sockets[i]);
  return array;
}

}  // namespace

void registerDiag(Napi::Env env, Napi::Object exports) {
  exports["unixDiag"] = Napi::Function::New(env, UnixDiag, "unixDiag");
  exports["inetDiag"] = Napi::Function::New(env, InetDiag, "inetDiag");
}

}  // namespace godwit
