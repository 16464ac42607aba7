#include "keeper/resolver.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "keeper/text.h"

namespace godwit {
namespace {

constexpr off_t kMaxLog = 1 << 20;
constexpr std::int64_t kMaxWaitS = 30;

[[noreturn]] void Run(char* const* argv, const char* log) {
  setsid();
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  int out = open(log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
  struct stat about{};
  if (out >= 0 && fstat(out, &about) == 0 && about.st_size > kMaxLog && ftruncate(out, 0) != 0) out = -1;
  if (out < 0) out = open("/dev/null", O_WRONLY);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execvp(argv[0], argv);
  _exit(127);
}

}  // namespace

void Resolver::Start() {
  if (!configured() || pid_ > 0) return;
  next_start_us_ = 0;
  const pid_t pid = fork();
  if (pid == 0) Run(argv_.data(), log_.c_str());
  if (pid > 0)
    pid_ = pid;
  else
    StartLater();
}

void Resolver::StartLater() {
  next_start_us_ = MonotonicUs() + wait_s_ * 1'000'000;
  wait_s_ = std::min(wait_s_ * 2, kMaxWaitS);
}

}  // namespace godwit
