#include "sys/vdso_room.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "stub/stub.h"

namespace godwit {
namespace {

/**
 * The end of a vdso with our first code. Every version of Godwit leaves it there, and puts its own code in the place of another's:
 *
 *     [ of the kernel | zeros | code, data of its cure | Trailer ]
 */
struct Trailer {
  char name[8] = {'g', 'o', 'd', 'w', 'i', 't'};
  /** Bytes from the start of the code to the end of the vdso; of the longest that was ever there. */
  std::uint64_t length = 0;
};

/** Bytes of code and trailer. */
std::size_t FirstLength() { return (FirstCode().size() + sizeof(Trailer) + 63) & ~std::size_t{63}; }

/** How many bytes at the end of the vdso are ours. */
std::size_t LengthOfOurs(std::span<const std::byte> image) {
  Trailer found;
  std::memcpy(&found, image.last(sizeof(found)).data(), sizeof(found));
  const bool ours = std::memcmp(found.name, Trailer().name, sizeof(found.name)) == 0;
  return ours && found.length <= image.size() ? found.length : 0;
}

}  // namespace

VdsoRoom FindVdsoRoom(int memory, Range vdso) {
  std::vector<std::byte> image(vdso.length);
  if (image.size() < FirstLength() ||
      pread(memory, image.data(), image.size(), static_cast<off_t>(vdso.start)) !=
          static_cast<ssize_t>(image.size())) {
    return {};
  }
  const std::size_t ours = LengthOfOurs(image);
  const std::size_t place = image.size() - FirstLength();
  const std::size_t end = std::max(place, image.size() - ours);
  const auto rest = std::span(image).subspan(place, end - place);
  const bool empty = std::ranges::all_of(rest, [](std::byte b) { return b == std::byte{0}; });
  if (!empty) return {};
  return {.address = vdso.start + place, .length = std::max(FirstLength(), ours)};
}

void AddTrailer(std::vector<std::byte>& code, std::uint64_t length) {
  code.resize(FirstLength());
  const Trailer trailer{.length = length};
  std::memcpy(code.data() + code.size() - sizeof(trailer), &trailer, sizeof(trailer));
}

}  // namespace godwit
