// The commands of keeper.sock; each field is split from the next by a tab. Replies: "ok" with fields, or "error",
// an errno and a sentence.
//
//   status                            role, word, agent, children, undo, resolver
//   undo poke PID ADDR VALUE BYTES    -> number       drop NUMBER|all
//   undo thaw DIR                     -> number       hold NAME (+ descriptor)
//   undo hold (+ descriptor)          -> number       fetch NAME -> descriptor
//   undo address|route MESSAGE        -> number      (hexadecimal)
//   undo restore-cgroup DIR PARENT    -> number       release NAME      (makes DIR)
//   undo rename FROM TO, unlink PATH  -> number
//   names-as UID GID                  with whose rights those are undone
//   undo kill DIR                     -> number       abort
//   undo sysv|left shm|sem|msg ID KEY -> number
//   undo mqueue NAME                  -> number
//   undo left-mqueue NAME (+ the queue) -> number
//   terminal (+ its master)           -> memory with what waits in it
//   messages (+ a message queue)      -> memory with what waits in it
//   source: finish, revive            target: spawn ..., run, say ..., bring (say.cc), post-copy ... (post_copy_commands.cc)
//   bye (agent only): it has done its part of an abort, the keeper may go
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "keeper/keeper.h"
#include "keeper/message_queue.h"
#include "keeper/reply.h"
#include "keeper/text.h"
#include "sys/owner_word.h"
#include "sys/terminal_queues.h"

namespace godwit {
namespace {

template <typename T>
std::string Setting(const char* name, T value) {
  return std::string("\t") + name + "=" + std::to_string(value);
}

bool ParseOffsets(std::string_view text, ShellRequest& out) {
  std::int64_t* const parts[] = {&out.monotonic_s, &out.monotonic_ns, &out.boottime_s, &out.boottime_ns};
  for (std::int64_t* part : parts) {
    const std::size_t colon = text.find(':');
    if (!ParseNumber(text.substr(0, colon), *part)) return false;
    text = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  }
  out.has_time = 1;
  return text.empty();
}

/** Too long for a datagram. */
Reply InMemory(const std::string& text, const char* what, Fd& reply_fd) {
  reply_fd = Fd(memfd_create("godwit-looked-at", MFD_CLOEXEC));
  if (!reply_fd.valid() ||
      pwrite(reply_fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return Error(-errno, what);
  return {"ok", reply_fd.get()};
}

std::string WhatFailed(const ShellReport& report, const ShellRequest& request) {
  switch (report.stage) {
    case ShellStage::kRoot:
      return "PID " + std::to_string(request.vpid);
    case ShellStage::kSession:
      return "session ID " + std::to_string(request.sid);
    case ShellStage::kTime:
      return "time namespace";
    case ShellStage::kReady:
      return "shell " + std::to_string(request.vpid);
    case ShellStage::kMount:
      return "/proc of the new PID namespace";
    case ShellStage::kInit:
      break;
  }
  return "init of the new PID namespace";
}

}  // namespace

Reply Keeper::Execute(Request& request) {
  const std::string_view name = request.field(0);
  if (name == "status") return Status();
  if (name == "undo") return ExecuteUndo(request);
  if (name == "drop" && request.field(1) == "all") {
    undo_.DropAll();
    return Ok();
  }
  if (int number = 0; name == "drop" && ParseNumber(request.field(1), number))
    return OkOr(undo_.Drop(number), "drop");
  if (FileOwner owner{}; name == "names-as" && ParseNumber(request.field(1), owner.uid) &&
                         ParseNumber(request.field(2), owner.gid)) {
    undo_.SetNamesOwner(owner);
    return Ok();
  }
  if (name == "revert") return ExecuteRevert(request);
  if (name == "hold") return ExecuteHold(request);
  if (name == "fetch") return ExecuteFetch(request);
  if (name == "terminal") return ExecuteTerminal(request, looked_at_);
  if (name == "messages") return ExecuteMessages(request, looked_at_);
  if (name == "release") {
    const auto gone = std::erase_if(held_, [&](const auto& held) { return held.first == request.field(1); });
    return OkOr(gone > 0 ? 0 : -ENOENT, "release");
  }
  if (name == "abort")
    return OkOr(is_source() ? AbortSource(kFenced, "asked") : AbortTarget("asked"), "abort");
  if (name == "bye") {
    bye_ = bye_ || request.peer == options_.agent;
    return Ok();
  }
  if (is_source() && name == "lock") return ExecuteLock(request);
  if (is_source() && name == "finish") return OkOr(FinishSource(), "finish");
  if (is_source() && name == "revive") return OkOr(AbortSource(kCommitted, "revived"), "revive");
  if (!is_source() && name == "run") return ExecuteRun();
  if (!is_source() && name == "say") return ExecuteSay(request);
  if (!is_source() && name == "bring") return ExecuteBring(request);
  if (!is_source() && name == "spawn") return ExecuteSpawn(request);
  if (!is_source() && name == "post-copy") return ExecutePostCopy(request);
  return Error(-EINVAL, "no such command");
}

Reply Keeper::ExecuteUndo(Request& request) {
  const std::string_view kind = request.field(1);
  const std::string dir(request.field(2));
  int number = -EINVAL;
  pid_t pid = 0;
  std::uint64_t address = 0;
  std::uint64_t value = 0;
  std::size_t bytes = 0;
  SysvObject object;
  std::string message;
  if (closing_) return Error(-EPERM, "the undo list has been run");
  if (kind == "thaw")
    number = undo_.AddThaw(dir);
  else if (kind == "restore-cgroup")
    number = undo_.AddRestore(dir, std::string(request.field(3)));
  else if (kind == "kill")
    number = undo_.AddKill(dir);
  else if (kind == "rename")
    number = undo_.AddRename(dir, std::string(request.field(3)));
  else if (kind == "unlink")
    number = undo_.AddUnlink(dir);
  else if (kind == "mqueue")
    number = undo_.AddQueue(dir);
  else if (kind == "left-mqueue")
    number = undo_.AddLeftQueue(std::move(request.fd), dir);
  else if ((kind == "address" || kind == "route") && ParseHex(dir, message))
    number = undo_.AddPlace(kind == "route", std::move(message));
  else if (std::uint16_t type = 0;
           kind == "link" && ParseNumber(request.field(2), type) && ParseHex(request.field(3), message))
    number = undo_.AddLink(type, std::move(message));
  else if (kind == "hold")
    number = undo_.AddHold(std::move(request.fd));
  else if (kind == "poke" && ParseNumber(request.field(2), pid) && ParseNumber(request.field(3), address) &&
           ParseNumber(request.field(4), value) && ParseNumber(request.field(5), bytes))
    number = undo_.AddPoke(pid, address, value, bytes);
  else if ((kind == "sysv" || kind == "left") && ParseSysvKind(dir, object.kind) &&
           ParseNumber(request.field(3), object.id) && ParseNumber(request.field(4), object.key))
    number = kind == "sysv" ? undo_.AddSysv(object) : undo_.AddLeft(object);
  if (number < 0) return Error(number, "undo " + std::string(kind) + " " + dir);
  return Ok(std::to_string(number));
}

Reply Keeper::ExecuteHold(Request& request) {
  if (!request.fd.valid()) return Error(-EBADF, "hold without a descriptor");
  const std::string name(request.field(1));
  std::erase_if(held_, [&](const auto& held) { return held.first == name; });
  held_.emplace_back(name, std::move(request.fd));
  return Ok();
}

Reply Keeper::ExecuteFetch(const Request& request) {
  for (const auto& [name, fd] : held_)
    if (name == request.field(1)) return {"ok", fd.get()};
  return Error(-ENOENT, "fetch");
}

// Taken out and put back in one go, by us, who outlive the agent: what was taken is nowhere else.
Reply Keeper::ExecuteTerminal(const Request& request, Fd& reply_fd) {
  if (!request.fd.valid()) return Error(-EBADF, "terminal without a descriptor");
  Termios termios{};
  TerminalQueues queues;
  int error = TakeTerminalQueues(request.fd.get(), termios, queues);
  if (error == 0) error = PutTerminalQueues(request.fd.get(), termios, queues);
  if (error != 0) return Error(error, "terminal");
  return InMemory(EncodeTerminalQueues(queues), "terminal", reply_fd);
}

// For the same reason.
Reply Keeper::ExecuteMessages(const Request& request, Fd& reply_fd) {
  if (!request.fd.valid()) return Error(-EBADF, "messages without a descriptor");
  std::string messages;
  if (const int error = PeekMessages(request.fd.get(), messages); error != 0) return Error(error, "messages");
  return InMemory(messages, "messages", reply_fd);
}

// spawn vpid=N newpid=0|1 timens=-|MONO_S:MONO_NS:BOOT_S:BOOT_NS sid=N pidfd=N
Reply Keeper::ExecuteSpawn(const Request& request) {
  ShellRequest shell;
  int new_pid = 0;
  bool ok = true;
  for (std::size_t at = 1; at < request.fields.size(); ++at) {
    const std::string_view field = request.fields[at];
    const std::size_t equals = field.find('=');
    const std::string_view name = field.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : field.substr(equals + 1);
    ok = ok && ((name == "vpid" && ParseNumber(value, shell.vpid)) ||
                (name == "newpid" && ParseNumber(value, new_pid)) ||
                (name == "timens" && (value == "-" || ParseOffsets(value, shell))) ||
                (name == "sid" && ParseNumber(value, shell.sid)) ||
                (name == "pidfd" && ParseNumber(value, shell.pidfd_number)));
  }
  if (!ok || shell.vpid <= 0 || shell.sid < 0 || shell.pidfd_number <= 0) return Error(-EINVAL, "spawn");
  if (LoadWord(word_) != kStaging) return Error(-EPERM, "spawn after STAGING");
  shell.agent_pidfd = agent_.get();
  const ShellReport report = tree_.Spawn(shell, new_pid != 0, word_);
  if (report.error != 0) return Error(report.error, WhatFailed(report, shell));
  return Ok(std::to_string(report.pid) + Setting("init", new_pid != 0 ? tree_.init() : 0));
}

Reply Keeper::Status() const {
  const char* cgroup = in_own_cgroup_ ? "own" : "agent's";
  return Ok(std::string("role=") + options_.role_name() + Setting("word", LoadWord(word_)) +
            Setting("agent", agent_dead_ ? 0 : 1) + Setting("children", tree_.living()) +
            Setting("init", tree_.init()) + Setting("undo", undo_.size()) +
            Setting("resolver", resolver_.pid()) + "\tcgroup=" + cgroup +
            Setting("missing", post_copy_.missing_bytes()) +
            (is_source() ? std::string() : "\tfence=" + options_.fence()));
}

}  // namespace godwit
