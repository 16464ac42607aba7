#include "sys/owner_word.h"

#include <sys/mman.h>

#include <cerrno>

namespace godwit {
namespace {

class MappedWord {
 public:
  explicit MappedWord(int fd)
      : at_(mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) {}
  MappedWord(const MappedWord&) = delete;
  MappedWord& operator=(const MappedWord&) = delete;
  ~MappedWord() {
    if (at_ != MAP_FAILED) munmap(at_, sizeof(std::uint64_t));
  }
  std::uint64_t* word() const { return at_ == MAP_FAILED ? nullptr : static_cast<std::uint64_t*>(at_); }

 private:
  void* at_;
};

}  // namespace

std::int64_t LoadWordOf(int fd) {
  MappedWord mapped(fd);
  if (mapped.word() == nullptr) return -errno;
  return static_cast<std::int64_t>(LoadWord(mapped.word()));
}

std::int64_t CompareExchangeWordOf(int fd, std::uint64_t from, std::uint64_t to) {
  MappedWord mapped(fd);
  if (mapped.word() == nullptr) return -errno;
  return static_cast<std::int64_t>(CompareExchangeWord(mapped.word(), from, to));
}

}  // namespace godwit
