// The addon's entry point: each binding adds its functions.
#include <napi.h>

#include "binding/register.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  godwit::registerProcess(env, exports);
  godwit::registerPrograms(env, exports);
  godwit::registerPages(env, exports);
  godwit::registerCodec(env, exports);
  godwit::registerDelta(env, exports);
  godwit::registerKeeper(env, exports);
  godwit::registerForward(env, exports);
  godwit::registerDiag(env, exports);
  godwit::registerDescriptors(env, exports);
  godwit::registerMessages(env, exports);
  godwit::registerMessageReader(env, exports);
  godwit::registerTerminal(env, exports);
  godwit::registerDutyCycle(env, exports);
  godwit::registerSecurity(env, exports);
  godwit::registerProbe(env, exports);
  return exports;
}

NODE_API_MODULE(godwit, init)
