#include "keeper/message_queue.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "sys/fd.h"

namespace godwit {
namespace {

constexpr std::size_t kWord = sizeof(std::uint32_t);
/** Somebody who has taken the room of what was taken out may give it back: a message that is dropped is lost. */
constexpr int kPatienceMs = 10'000;

void WriteWord(std::string& out, std::size_t at, std::size_t value) {
  const auto word = static_cast<std::uint32_t>(value);
  std::memcpy(out.data() + at, &word, kWord);
}

std::uint32_t ReadWord(const std::string& text, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, text.data() + at, kWord);
  return word;
}

/** Bytes of all messages that wait; the queue itself, read as a file, tells (mq_overview(7)). */
bool HeldBytes(int queue, std::size_t& out) {
  char text[128] = {};
  if (pread(queue, text, sizeof text - 1, 0) <= 0) return false;
  return std::sscanf(text, "QSIZE:%zu", &out) == 1;
}

/** Fills `out`, whose room was made before: once something has been taken nothing may fail. */
int TakeAll(int queue, std::size_t longest, std::string& out) {
  std::uint32_t count = 0;
  std::size_t end = kWord;
  int error = -EBUSY;  // there is more than there was
  while (out.size() - end >= 2 * kWord + longest) {
    unsigned priority = 0;
    const ssize_t got = mq_receive(queue, out.data() + end + 2 * kWord, longest, &priority);
    if (got < 0) {
      error = errno == EAGAIN ? 0 : -errno;
      break;
    }
    WriteWord(out, end, priority);
    WriteWord(out, end + kWord, static_cast<std::size_t>(got));
    end += 2 * kWord + static_cast<std::size_t>(got);
    ++count;
  }
  WriteWord(out, 0, count);
  out.resize(end);
  return error;
}

int PutAll(int queue, const std::string& messages) {
  int patience_ms = kPatienceMs;
  for (std::size_t at = kWord; at < messages.size();) {
    const std::uint32_t length = ReadWord(messages, at + kWord);
    if (mq_send(queue, messages.data() + at + 2 * kWord, length, ReadWord(messages, at)) == 0) {
      at += 2 * kWord + length;
      continue;
    }
    if ((errno != EAGAIN && errno != ENOMEM && errno != EINTR) || patience_ms-- == 0) return -EIO;
    constexpr timespec pause{0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
  return 0;
}

}  // namespace

int PeekMessages(int queue, std::string& out) {
  const int flags = fcntl(queue, F_GETFL);
  if (flags < 0) return -errno;
  if ((flags & (O_ACCMODE | O_NONBLOCK)) != (O_RDWR | O_NONBLOCK)) return -EINVAL;
  mq_attr about{};
  struct stat before{};
  std::size_t held = 0;
  if (mq_getattr(queue, &about) != 0 || fstat(queue, &before) != 0) return -errno;
  if (!HeldBytes(queue, held)) return -EIO;
  const auto longest = static_cast<std::size_t>(about.mq_msgsize);
  const auto count = static_cast<std::size_t>(about.mq_curmsgs);
  out.assign(kWord + (count + 1) * 2 * kWord + held + longest, '\0');
  const int taken = TakeAll(queue, longest, out);
  const int put = PutAll(queue, out);
  const timespec times[] = {before.st_atim, before.st_mtim};
  futimens(queue, times);
  return put != 0 ? put : taken;
}

bool IsQueueNameFree(const std::string& name) {
  const Fd found(mq_open(name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  return !found.valid() && errno == ENOENT;
}

int UnlinkQueue(const std::string& name) {
  return mq_unlink(name.c_str()) == 0 || errno == ENOENT ? 0 : -errno;
}

int UnlinkQueueOf(int queue, const std::string& name) {
  struct stat about{};
  if (fstat(queue, &about) != 0) return -errno;
  return about.st_nlink == 0 ? 0 : UnlinkQueue(name);
}

}  // namespace godwit
