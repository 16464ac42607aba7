// Small text helpers: fields of a command, numbers, files of one write, lines for people.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace godwit {

/** Splits at tabs: paths may hold spaces. */
std::vector<std::string_view> SplitFields(std::string_view line);

/** The whole text must be the number. */
template <typename T>
bool ParseNumber(std::string_view text, T& out) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, out);
  return result.ec == std::errc() && result.ptr == end && !text.empty();
}

/** Bytes as pairs of hexadecimal digits. */
bool ParseHex(std::string_view text, std::string& out);

/** Opens for writing, writes once. 0 or a negative errno. */
int WriteFile(const char* path, std::string_view text);
/** Reads a file of /proc or a cgroup from its start. Empty when it cannot be read. */
std::string ReadFile(const char* path);
/** Appends one line by a single write; what fails is lost. */
void AppendLine(const char* path, std::string_view line);
/** Removes a directory with all in it, on its own file system, without following links. 0 or a negative errno. */
int RemoveTree(const char* path);

std::int64_t RealtimeMs();
std::int64_t MonotonicUs();

}  // namespace godwit
