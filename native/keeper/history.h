// Lines for people, in a file that outlives the migration.
#pragma once

#include <string>
#include <string_view>

#include "keeper/options.h"

namespace godwit {

/** Appends {"at","id","role","by":"keeper","event",...more}; `more` is JSON without braces. */
void WriteHistory(const Options& options, const char* event, std::string_view more);

}  // namespace godwit
