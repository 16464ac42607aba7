// PageSet (native/sys/pages_set.h) as a class in Node, typed in src/native-pages.ts.
#pragma once

#include <napi.h>

namespace godwit {

void registerPageSet(Napi::Env env, Napi::Object exports);

}  // namespace godwit
