// Replies of the keeper's commands: "ok" with fields, or "error", an errno and a sentence.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "keeper/server.h"

namespace godwit {

inline Reply Ok(std::string_view fields = {}) {
  return {fields.empty() ? std::string("ok") : "ok\t" + std::string(fields)};
}

inline Reply Error(int negative, std::string_view what) {
  return {"error\t" + std::to_string(-negative) + "\t" + std::string(what) + ": " + std::strerror(-negative)};
}

inline Reply OkOr(int result, std::string_view what) { return result == 0 ? Ok() : Error(result, what); }

}  // namespace godwit
