// godwit-keeper: started by an agent for one migration, see keeper.h. Not for use by hand.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "keeper/keeper.h"
#include "keeper/options.h"
#include "keeper/user_namespace.h"

namespace godwit {
namespace {

// Nothing of the agent's stays on us: descriptors, terminal, folder, signals that a person or a service manager sends.
void BecomeDaemon(const Options& options) {
  setsid();  // fails when the agent has already seen to it
  umask(077);
  [[maybe_unused]] const int moved = chdir("/");
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2})
    ::signal(signal, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);  // read by signalfd
  sigprocmask(SIG_SETMASK, &child, nullptr);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && null >= 0; ++fd) dup2(null, fd);
  if (options.ready_fd > STDERR_FILENO + 1)
    close_range(STDERR_FILENO + 1, static_cast<unsigned>(options.ready_fd - 1), 0);
  close_range(static_cast<unsigned>(std::max(options.ready_fd, STDERR_FILENO) + 1), ~0U, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  prctl(PR_SET_NAME, "godwit-keeper");
  // Orphans of the restored tree are ours. On the source nothing is: the tree has its own parents.
  if (options.role == Role::kTarget) prctl(PR_SET_CHILD_SUBREAPER, 1);
  // On a busy host the thaw must not wait for its turn. What we fork is not to inherit that (sched(7)).
  constexpr sched_param kPlain{};
  if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &kPlain) == 0)
    setpriority(PRIO_PROCESS, 0, -20);
  mlockall(MCL_CURRENT |
           MCL_FUTURE);  // swapping us in must not delay a thaw; without the right to, it has to do
}

void Say(const Options& options, const std::string& text) {
  if (options.ready_fd < 0) return;
  [[maybe_unused]] const ssize_t written = write(options.ready_fd, text.data(), text.size());
  close(options.ready_fd);
}

// The agent of a plain user, not a keeper: a process with one thread has to make the namespace. 1: failed, as of all commands.
int BecomeAgent(char** command) {
  const char* what = "";
  const int error = ExecInUserNamespace(command, what);
  const std::string text = std::string("godwit: ") + what + ": " + std::strerror(-error) +
                           "\n  run receive as root, or allow user namespaces (godwit check)\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  return 1;
}

}  // namespace
}  // namespace godwit

int main(int argc, char** argv) {
  if (argc > 2 && std::strcmp(argv[1], "--in-user-namespace") == 0) return godwit::BecomeAgent(argv + 2);
  godwit::Options options;
  if (const char* wrong = godwit::ParseOptions(argc, argv, options); wrong != nullptr) {
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, wrong, std::strlen(wrong));
    godwit::Say(options, std::string("error\t22\t") + wrong);
    return 2;
  }
  godwit::BecomeDaemon(options);
  godwit::Keeper keeper(options);
  const char* what = "";
  const int error = keeper.SetUp(what);
  if (error != 0) {
    godwit::Say(options, "error\t" + std::to_string(-error) + "\t" + what + ": " + std::strerror(-error));
    return 1;
  }
  godwit::Say(options, "ok");
  keeper.Run();
  return 0;
}
