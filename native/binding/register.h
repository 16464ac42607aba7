// What each binding adds to the addon's exports.
#pragma once

#include <napi.h>

namespace godwit {

void registerProcess(Napi::Env env, Napi::Object exports);
void registerPrograms(Napi::Env env, Napi::Object exports);
void registerPages(Napi::Env env, Napi::Object exports);
void registerCodec(Napi::Env env, Napi::Object exports);
void registerDelta(Napi::Env env, Napi::Object exports);
void registerKeeper(Napi::Env env, Napi::Object exports);
void registerForward(Napi::Env env, Napi::Object exports);
void registerDiag(Napi::Env env, Napi::Object exports);
void registerDescriptors(Napi::Env env, Napi::Object exports);
void registerMessages(Napi::Env env, Napi::Object exports);
void registerMessageReader(Napi::Env env, Napi::Object exports);
void registerTerminal(Napi::Env env, Napi::Object exports);
void registerDutyCycle(Napi::Env env, Napi::Object exports);
void registerSecurity(Napi::Env env, Napi::Object exports);
void registerProbe(Napi::Env env, Napi::Object exports);

}  // namespace godwit
