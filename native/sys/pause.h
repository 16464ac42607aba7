// How to wait for something that another task does within microseconds, and that nothing but a look can tell.
#pragma once

#include <sched.h>
#include <time.h>

#include <cstdint>

namespace godwit {

inline std::int64_t MonotonicMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

/**
 * The pauses between two looks: yields at first, for a sleep takes longer than most waits; sleeps when it lasts, or when
 * others want the CPU. Whoever yields has to wait until all of them have had their turn (measured with eight busy tasks on
 * the CPU: 11 ms a yield; a sleep of 1 ms ended 1.1 ms late), and since Linux 6.18 gives away the rest of its own.
 */
class Pauses {
 public:
  /** Microseconds since the first look. */
  [[nodiscard]] std::int64_t Elapsed() const { return MonotonicMicroseconds() - begin_; }

  void Next() {
    const std::int64_t before = MonotonicMicroseconds();
    if (crowded_ || before - begin_ >= kYieldUs) {
      const timespec pause{0, kSleepNs};
      nanosleep(&pause, nullptr);
      return;
    }
    sched_yield();
    crowded_ = MonotonicMicroseconds() - before > kCrowdedUs;
  }

 private:
  static constexpr std::int64_t kYieldUs = 500;
  static constexpr std::int64_t kCrowdedUs = 100;
  static constexpr long kSleepNs = 50'000;
  std::int64_t begin_ = MonotonicMicroseconds();
  bool crowded_ = false;
};

}  // namespace godwit
