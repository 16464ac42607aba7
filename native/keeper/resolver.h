// Starts the resolver: a process of its own that settles with the other host what a dead agent left open.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace godwit {

class Resolver {
 public:
  Resolver(const std::vector<char*>& argv, std::string log) : argv_(argv), log_(std::move(log)) {}

  [[nodiscard]] bool configured() const { return !argv_.empty(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  /** It runs, or is to be started again. */
  [[nodiscard]] bool active() const { return pid_ > 0 || next_start_us_ > 0; }
  /** When to start it again (CLOCK_MONOTONIC, microseconds); 0: not. */
  [[nodiscard]] std::int64_t next_start_us() const { return next_start_us_; }

  /** In a session of its own, output to the log. Does nothing when none is configured or one runs. */
  void Start();
  /** It has been reaped. */
  void Ended() { pid_ = 0; }
  /** After 1, 2, 4 ... 30 seconds, without end. */
  void StartLater();
  void Cancel() { next_start_us_ = 0; }

 private:
  const std::vector<char*>& argv_;
  std::string log_;
  pid_t pid_ = 0;
  std::int64_t next_start_us_ = 0;
  std::int64_t wait_s_ = 1;
};

}  // namespace godwit
