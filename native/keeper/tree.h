// The tree on the target: its fence, its root shells (children of the keeper or of the init of their namespace), and
// who of them has ended how.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keeper/init.h"
#include "keeper/options.h"
#include "sys/fd.h"

namespace godwit {

class Tree {
 public:
  explicit Tree(const Options& options) : options_(options), exits_path_(options.dir + "/exits") {}

  /** Makes the fence. 0 or a negative errno. */
  int SetUp();
  ShellReport Spawn(const ShellRequest& request, bool new_pid, const std::uint64_t* word);
  /** One write; may be repeated. 0 or a negative errno. */
  int Thaw();
  /** Kills all, waits until nothing lives, removes the fence. 0 or a negative errno; may be repeated. */
  int Destroy();
  /** Moves what runs out of the fence and removes it. False: try again later. */
  bool LeaveFence();

  void Ended(pid_t pid, int status);
  /** Takes what the init has to tell. */
  void Hear();

  [[nodiscard]] int channel() const { return init_.channel(); }
  [[nodiscard]] pid_t init() const { return init_.pid(); }
  /** Roots that live, those behind an init as well. */
  [[nodiscard]] std::size_t living() const { return roots_.size(); }

 private:
  struct Root {
    pid_t pid;
    pid_t vpid;
    bool behind_init;
  };
  void Record(pid_t vpid, bool behind_init, int status);

  const Options& options_;
  std::string exits_path_;
  std::size_t exits_recorded_ = 0;
  Fd fence_;   // the directory
  Fd freeze_;  // its cgroup.freeze
  Init init_;
  std::vector<Root> roots_;
};

}  // namespace godwit
