#include "keeper/sysv.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include <cerrno>

namespace godwit {
namespace {

using Kind = SysvObject::Kind;

struct Facts {
  int key = 0;
  bool is_used = false;
};

int Look(const SysvObject& object, Facts& facts) {
  if (object.kind == Kind::kShm) {
    shmid_ds about{};
    if (shmctl(object.id, IPC_STAT, &about) != 0) return -errno;
    facts = {about.shm_perm.__key, about.shm_nattch > 0};
  } else if (object.kind == Kind::kSem) {
    semid_ds about{};
    if (semctl(object.id, 0, IPC_STAT, &about) != 0) return -errno;
    facts = {about.sem_perm.__key, false};
  } else {
    msqid_ds about{};
    if (msgctl(object.id, IPC_STAT, &about) != 0) return -errno;
    facts = {about.msg_perm.__key, false};
  }
  return 0;
}

bool IsGone(int error) { return error == -EINVAL || error == -EIDRM; }

}  // namespace

bool ParseSysvKind(std::string_view text, Kind& out) {
  if (text == "shm")
    out = Kind::kShm;
  else if (text == "sem")
    out = Kind::kSem;
  else if (text == "msg")
    out = Kind::kMsg;
  else
    return false;
  return true;
}

bool IsSysvFree(const SysvObject& object) {
  Facts facts;
  return IsGone(Look(object, facts));
}

int RemoveSysv(const SysvObject& object, bool unused_only) {
  Facts facts;
  if (const int error = Look(object, facts); error != 0) return IsGone(error) ? 0 : error;
  if (facts.key != object.key || (unused_only && facts.is_used)) return 0;
  int result = 0;
  if (object.kind == Kind::kShm)
    result = shmctl(object.id, IPC_RMID, nullptr);
  else if (object.kind == Kind::kSem)
    result = semctl(object.id, 0, IPC_RMID);
  else
    result = msgctl(object.id, IPC_RMID, nullptr);
  return result == 0 || IsGone(-errno) ? 0 : -errno;
}

}  // namespace godwit
