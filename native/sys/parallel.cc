#include "sys/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "sys/signals_blocked.h"

namespace godwit {
namespace {

constexpr size_t kMostThreads = 8;

size_t Processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) < 0)
    return 1;  // EINVAL: more processors than the set has room for
  return std::clamp<size_t>(static_cast<size_t>(CPU_COUNT(&set)), 1, kMostThreads);
}

}  // namespace

void InParallel(size_t count, const std::function<void(size_t)>& work) {
  std::atomic<size_t> next{0};
  const auto loop = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::thread> helpers;
  try {
    const SignalsBlocked blocked;
    for (size_t i = 1; i < std::min(count, Processors()); i++) helpers.emplace_back(loop);
  } catch (const std::system_error&) {
  }
  loop();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace godwit
