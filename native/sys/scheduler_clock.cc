#include "sys/scheduler_clock.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>
#include <thread>

#include "sys/fd.h"

namespace godwit {
namespace {

constexpr int kTries = 3;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerSec = 1'000'000'000;

/// When the calling thread last came onto a CPU or was last accounted for there.
std::optional<std::int64_t> ExecStart() {
  const Fd file(open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC));
  std::array<char, 8192> text{};
  const ssize_t length = read(file.get(), text.data(), text.size() - 1);
  if (length <= 0) return std::nullopt;
  constexpr std::string_view label = "se.exec_start";
  const std::string_view all(text.data(), static_cast<std::size_t>(length));
  const auto at = all.find(label);
  const auto colon = at == std::string_view::npos ? at : all.find(':', at);
  long long ms = 0;
  long long ns = 0;
  if (colon == std::string_view::npos) return std::nullopt;
  if (std::sscanf(&text[colon + 1], "%lld.%6lld", &ms, &ns) != 2) return std::nullopt;
  return ms * kNsPerMs + ns;
}

std::int64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSec + now.tv_nsec;
}

std::optional<std::int64_t> AheadHere(int cpu) {
  cpu_set_t* only = CPU_ALLOC(cpu + 1);
  if (only == nullptr) return std::nullopt;
  const std::size_t size = CPU_ALLOC_SIZE(cpu + 1);
  CPU_ZERO_S(size, only);
  CPU_SET_S(static_cast<std::size_t>(cpu), size, only);
  const int moved = sched_setaffinity(0, size, only);
  CPU_FREE(only);
  if (moved < 0) return std::nullopt;
  std::optional<std::int64_t> best;
  for (int i = 0; i < kTries; i++) {
    const timespec moment{.tv_sec = 0, .tv_nsec = 1000};
    nanosleep(&moment, nullptr);  // comes onto the CPU anew
    const auto start = ExecStart();
    if (!start) break;
    const std::int64_t ahead = *start - Now();
    best = best ? std::max(*best, ahead) : ahead;
  }
  return best;
}

}  // namespace

std::optional<std::int64_t> SchedulerAhead(int cpu) {
  if (cpu < 0) return std::nullopt;
  std::optional<std::int64_t> ahead;
  // A thread of its own: where a thread may run is remembered by the kernel even when all is put back (user_cpus_ptr, 6.2).
  std::thread([&] { ahead = AheadHere(cpu); }).join();
  return ahead;
}

}  // namespace godwit
