#include "keeper/undo.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "keeper/cgroup.h"
#include "keeper/message_queue.h"
#include "keeper/rtnetlink.h"

namespace godwit {
namespace {

// PIDs are used again: the process is the one that was meant only while its pidfd says that it lives.
int Poke(int pidfd, pid_t pid, std::uint64_t address, std::uint64_t value, std::size_t bytes) {
  if (syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) != 0) return 0;  // it has ended: nothing spins
  iovec local{&value, bytes};
  iovec remote{reinterpret_cast<void*>(address), bytes};
  if (process_vm_writev(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(bytes)) return 0;
  return errno == ESRCH ? 0 : -errno;
}

}  // namespace

int UndoList::Add(Entry entry) {
  entry.number = ++last_number_;
  entries_.push_back(std::move(entry));
  return last_number_;
}

int UndoList::AddPoke(pid_t pid, std::uint64_t address, std::uint64_t value, std::size_t bytes) {
  if (bytes != 4 && bytes != 8) return -EINVAL;
  Entry entry(Kind::kPoke);
  entry.fd = Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!entry.fd.valid()) return -errno;
  entry.pid = pid;
  entry.address = address;
  entry.value = value;
  entry.bytes = bytes;
  return Add(std::move(entry));
}

int UndoList::Lock(Fd connection, ConnectionLock& was) {
  if (!connection.valid()) return -EBADF;
  if (const int error = LockConnection(connection.get(), was); error != 0) return error;
  Entry entry(Kind::kUnlock);
  entry.fd = std::move(connection);
  entry.lock = was;
  return Add(std::move(entry));
}

int UndoList::LockListener(Fd listener) {
  if (!listener.valid()) return -EBADF;
  if (const int error = StopListening(listener.get()); error != 0) return error;
  Entry entry(Kind::kHear);
  entry.fd = std::move(listener);
  return Add(std::move(entry));
}

int UndoList::AddLink(std::uint16_t type, std::string message) {
  Entry entry(Kind::kLink);
  entry.value = type;
  entry.dir = std::move(message);
  return Add(std::move(entry));
}

int UndoList::AddPlace(bool is_route, std::string message) {
  Entry entry(is_route ? Kind::kRoute : Kind::kAddress);
  entry.dir = std::move(message);
  return Add(std::move(entry));
}

int UndoList::AddThaw(const std::string& dir) {
  Entry entry(Kind::kThaw);
  entry.dir = dir;
  entry.fd = Fd(open((dir + "/cgroup.freeze").c_str(), O_WRONLY | O_CLOEXEC));
  if (!entry.fd.valid()) return -errno;
  return Add(std::move(entry));
}

int UndoList::AddHold(Fd fd) {
  if (!fd.valid()) return -EBADF;
  Entry entry(Kind::kHold);
  entry.fd = std::move(fd);
  return Add(std::move(entry));
}

int UndoList::AddRestore(const std::string& dir, const std::string& parent) {
  if (access((parent + "/cgroup.procs").c_str(), W_OK) != 0) return -errno;
  // Made by us: an agent that dies between making and telling would leave it behind.
  if (mkdir(dir.c_str(), 0755) != 0 && errno != EEXIST) return -errno;
  Entry entry(Kind::kRestore);
  entry.dir = dir;
  entry.parent = parent;
  return Add(std::move(entry));
}

int UndoList::AddKill(const std::string& dir) {
  if (access((dir + "/cgroup.procs").c_str(), W_OK) != 0) return -errno;
  Entry entry(Kind::kKill);
  entry.dir = dir;
  return Add(std::move(entry));
}

int UndoList::AddRename(const std::string& from, const std::string& to) {
  if (from.empty() || to.empty()) return -EINVAL;
  Entry entry(Kind::kRename);
  entry.dir = from;
  entry.parent = to;
  return Add(std::move(entry));
}

int UndoList::AddUnlink(const std::string& path) {
  if (path.empty()) return -EINVAL;
  Entry entry(Kind::kUnlink);
  entry.dir = path;
  return Add(std::move(entry));
}

int UndoList::AddSysv(const SysvObject& object) {
  if (!IsSysvFree(object)) return -EEXIST;
  Entry entry(Kind::kSysv);
  entry.sysv = object;
  return Add(std::move(entry));
}

int UndoList::AddQueue(const std::string& name) {
  if (!IsQueueNameFree(name)) return -EEXIST;
  Entry entry(Kind::kQueue);
  entry.dir = name;
  return Add(std::move(entry));
}

int UndoList::AddLeftQueue(Fd queue, const std::string& name) {
  if (!queue.valid()) return -EBADF;
  Entry entry(Kind::kLeftQueue);
  entry.fd = std::move(queue);
  entry.dir = name;
  return Add(std::move(entry));
}

int UndoList::AddLeft(const SysvObject& object) {
  Entry entry(Kind::kLeft);
  entry.sysv = object;
  return Add(std::move(entry));
}

int UndoList::Drop(int number) {
  return std::erase_if(entries_, [=](const Entry& entry) { return entry.number == number; }) > 0 ? 0
                                                                                                 : -ENOENT;
}

int UndoList::Revert(int number) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [=](const Entry& entry) { return entry.number == number; });
  if (found == entries_.end()) return -ENOENT;
  const int error = Undo(*found);
  entries_.erase(found);
  return error;
}

int UndoList::UndoName(const Entry& entry) const {
  const AsFileOwner as(names_owner_);
  if (!as.is_ready()) return -EPERM;
  const int result = entry.kind == Kind::kRename ? rename(entry.dir.c_str(), entry.parent.c_str())
                                                 : unlink(entry.dir.c_str());
  return result == 0 || errno == ENOENT ? 0 : -errno;
}

int UndoList::Undo(Entry& entry) const {
  switch (entry.kind) {
    case Kind::kPoke:
      return Poke(entry.fd.get(), entry.pid, entry.address, entry.value, entry.bytes);
    case Kind::kLink:
      return GiveOrder(static_cast<std::uint16_t>(entry.value), entry.dir, -1);
    case Kind::kAddress: {
      const int error = PutAddress(entry.dir);
      if (error == 0) AnnounceAddress(entry.dir);
      return error;
    }
    case Kind::kRoute:
      return PutRoute(entry.dir);
    case Kind::kHear:
      return HearAgain(entry.fd.get());
    case Kind::kUnlock:
      return UnlockConnection(entry.fd.get(), entry.lock);
    case Kind::kThaw:
      return write(entry.fd.get(), "0", 1) == 1 || errno == ENODEV ? 0
                                                                   : -errno;  // ENODEV: it has been removed
    case Kind::kHold:
      entry.fd.reset();
      return 0;
    case Kind::kRestore: {
      const int error = VacateCgroup(entry.dir, entry.parent);
      return error != 0 ? error : RemoveCgroup(entry.dir);
    }
    case Kind::kKill: {
      if (const int error = KillCgroup(entry.dir); error != 0) return error == -ENOENT ? 0 : error;
      if (const int error = WaitEmptyCgroup(entry.dir, 5000); error != 0) return error;
      return RemoveCgroup(entry.dir);
    }
    case Kind::kRename:
    case Kind::kUnlink:
      return UndoName(entry);
    case Kind::kSysv:
      return RemoveSysv(entry.sysv, false);
    case Kind::kQueue:
      return UnlinkQueue(entry.dir);
    case Kind::kLeft:
    case Kind::kLeftQueue:
      return 0;  // the tree goes on with it
  }
  return -EINVAL;
}

std::string UndoList::Run() {
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.kind != b.kind ? a.kind < b.kind : a.number > b.number;
  });
  std::string failed;
  for (Entry& entry : entries_) {
    const int error = Undo(entry);
    if (error == 0) continue;
    if (!failed.empty()) failed += ", ";
    failed += "undo " + std::to_string(entry.number) + " failed with errno " + std::to_string(-error);
  }
  entries_.clear();
  return failed;
}

void UndoList::RemoveLeft() {
  for (const Entry& entry : entries_) {
    // Somebody else may listen at it, too.
    if (entry.kind == Kind::kHear) HearAgain(entry.fd.get());
    if (entry.kind == Kind::kLeft) RemoveSysv(entry.sysv, true);
    if (entry.kind == Kind::kLeftQueue) UnlinkQueueOf(entry.fd.get(), entry.dir);
  }
}

std::vector<std::string> UndoList::Fences() const {
  std::vector<std::string> dirs;
  for (const Entry& entry : entries_) {
    if (entry.kind != Kind::kThaw && entry.kind != Kind::kRestore) continue;
    if (std::find(dirs.begin(), dirs.end(), entry.dir) == dirs.end()) dirs.push_back(entry.dir);
  }
  return dirs;
}

}  // namespace godwit
