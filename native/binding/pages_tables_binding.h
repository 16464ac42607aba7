// Page tables and userfaultfd (native/sys/{pagemap,userfault}) in Node, typed in src/native-pages.ts.
#pragma once

#include <napi.h>

namespace godwit {

void registerPageTables(Napi::Env env, Napi::Object exports);

}  // namespace godwit
