#include "keeper/history.h"

#include "keeper/text.h"

namespace godwit {

void WriteHistory(const Options& options, const char* event, std::string_view more) {
  if (options.history.empty()) return;
  std::string line = "{\"at\":" + std::to_string(RealtimeMs()) + ",\"id\":\"" + options.id +
                     "\",\"role\":\"" + options.role_name() + "\",\"by\":\"keeper\",\"event\":\"" + event +
                     "\"";
  if (!more.empty()) line += "," + std::string(more);
  AppendLine(options.history.c_str(), line + "}");
}

}  // namespace godwit
