// The undo list: what an agent has done to processes that live on, and what must be taken back if it dies.
//
// The order of an undo is that of the kinds, not of registration:
//   1. poke     a thread that spins in our code is let go, so that it never spins once it is thawed
//   2. link     a network interface that was set down comes up
//   3. address  an address that was taken off this host comes back, and neighbours are told
//   4. route    the same of routes that went with it
//   5. unlock   TCP connections hear their peers again
//   6. hear     the same of listening sockets
//   7. thaw     from here on the tree runs: all that follows may take its time
//   8. hold     descriptors kept for the agent are closed (a userfaultfd lets its waiters go)
//   9. restore  processes go back to the cgroups that they came from
//  10. kill     what was built and has no owner any more
//  11. rename   a name that was put aside goes back where it was
//  12. unlink   a name that was made goes
//  13. sysv     a System V object that was made is removed
//  14. mqueue   the name of a POSIX message queue that was made goes
// "leave" entries are no undo: when the source's tree is killed, what it leaves to its host is removed. Listening sockets, of which others
// may have descriptors, hear then, too.
// Within a kind the newest comes first.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keeper/file_owner.h"
#include "keeper/sysv.h"
#include "sys/connection.h"
#include "sys/fd.h"

namespace godwit {

class UndoList {
 public:
  // Each returns the entry's number (1 and up), or a negative errno when the undo could not work later either.
  int AddPoke(pid_t pid, std::uint64_t address, std::uint64_t value, std::size_t bytes);
  /** Locks a connection; `was` tells what that has changed. */
  int Lock(Fd connection, ConnectionLock& was);
  /** Locks a listening socket: it accepts nobody new. */
  int LockListener(Fd listener);
  /** A link that is about to be changed: an order of rtnetlink(7). */
  int AddLink(std::uint16_t type, std::string message);
  /** An address that is about to be taken off this host, or a route that goes with it (RTM_NEWADDR, RTM_NEWROUTE of rtnetlink(7)). */
  int AddPlace(bool is_route, std::string message);
  int AddThaw(const std::string& dir);
  int AddHold(Fd fd);
  /** Makes `dir` if it is not there. */
  int AddRestore(const std::string& dir, const std::string& parent);
  int AddKill(const std::string& dir);
  /** Neither file need exist yet; one that does not exist at the undo needs none. */
  int AddRename(const std::string& from, const std::string& to);
  int AddUnlink(const std::string& path);
  /** Names are renamed and unlinked with the rights of this user alone. */
  void SetNamesOwner(const FileOwner& owner) { names_owner_ = owner; }
  /** Before it is made; -EEXIST when there is one with this ID. */
  int AddSysv(const SysvObject& object);
  /** Before it is made; -EEXIST when there is one of this name ("/name"). */
  int AddQueue(const std::string& name);
  /** For RemoveLeft: no undo. */
  int AddLeft(const SysvObject& object);
  /** The same for the name of a queue. */
  int AddLeftQueue(Fd queue, const std::string& name);

  /** 0, or -ENOENT. */
  int Drop(int number);
  /** Undoes one entry now. 0 or -errno; -ENOENT: there is none of this number. It is gone from the list in any case. */
  int Revert(int number);
  void DropAll() { entries_.clear(); }
  /** Runs and empties the list. Returns what failed, for people; empty when nothing did. */
  std::string Run();
  /** Removes what the dead tree has left and nobody uses; what it has left to others, they can use. */
  void RemoveLeft();
  /** cgroups that hold processes of the tree. */
  [[nodiscard]] std::vector<std::string> Fences() const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  enum class Kind {
    kPoke,
    kLink,
    kAddress,
    kRoute,
    kUnlock,
    kHear,
    kThaw,
    kHold,
    kRestore,
    kKill,
    kRename,
    kUnlink,
    kSysv,
    kQueue,
    kLeft,
    kLeftQueue
  };
  struct Entry {
    explicit Entry(Kind what) : kind(what) {}
    Kind kind;
    int number = 0;
    Fd fd;  // poke: pidfd; unlock, hear: the socket; thaw: cgroup.freeze; hold: what is held; left queue: the queue
    std::string dir;  // link, address, route: the message
    std::string parent;
    pid_t pid = 0;
    std::uint64_t address = 0;
    std::uint64_t value = 0;  // link: the type of its message
    std::size_t bytes = 0;
    ConnectionLock lock;
    SysvObject sysv;
  };

  int Add(Entry entry);
  int Undo(Entry& entry) const;
  [[nodiscard]] int UndoName(const Entry& entry) const;

  std::vector<Entry> entries_;
  int last_number_ = 0;
  std::optional<FileOwner> names_owner_;
};

}  // namespace godwit
