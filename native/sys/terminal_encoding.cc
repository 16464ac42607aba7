// What waits in a terminal as bytes, on the way between keeper and agent.
#include <cstring>

#include "sys/terminal_queues.h"

namespace godwit {

std::string EncodeTerminalQueues(const TerminalQueues& queues) {
  std::string out;
  const auto number = [&](std::size_t value) {
    const auto word = static_cast<std::uint32_t>(value);
    out.append(reinterpret_cast<const char*>(&word), sizeof word);
  };
  const auto bytes = [&](const std::string& value) {
    number(value.size());
    out += value;
  };
  number(static_cast<std::size_t>(queues.stop));
  number(queues.lines.size());
  for (const std::string& line : queues.lines) bytes(line);
  bytes(queues.rest);
  bytes(queues.excess);
  bytes(queues.output);
  return out;
}

bool DecodeTerminalQueues(std::span<const std::byte> input, TerminalQueues& out) {
  std::size_t at = 0;
  const auto number = [&](std::uint32_t& value) {
    if (input.size() - at < sizeof value) return false;
    std::memcpy(&value, input.data() + at, sizeof value);
    at += sizeof value;
    return true;
  };
  const auto bytes = [&](std::string& value) {
    std::uint32_t length = 0;
    if (!number(length) || input.size() - at < length) return false;
    value.assign(reinterpret_cast<const char*>(input.data()) + at, length);
    at += length;
    return true;
  };
  std::uint32_t stop = 0;
  std::uint32_t lines = 0;
  if (!number(stop) || stop > 2 || !number(lines) || lines > input.size()) return false;
  out.stop = static_cast<OutputStop>(stop);
  out.lines.resize(lines);
  for (std::string& line : out.lines)
    if (!bytes(line)) return false;
  return bytes(out.rest) && bytes(out.excess) && bytes(out.output) && at == input.size();
}

}  // namespace godwit
